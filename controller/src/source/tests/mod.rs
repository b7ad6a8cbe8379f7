//! The promises of the room, on real folders and the real `git`.

mod commits;
mod folder;
mod follow;
mod landing;
mod layouts;
mod mirror;
mod push;
mod reviews;
mod walks;
mod world;
