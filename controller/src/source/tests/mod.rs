//! The promises of the room, on real folders and the real `git`.

mod commits;
mod folder;
mod follow;
mod landing;
mod mirror;
mod push;
mod world;
