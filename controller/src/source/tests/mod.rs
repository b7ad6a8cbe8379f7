//! The promises of the room, on real folders and the real `git`.

mod folder;
mod mirror;
mod world;
