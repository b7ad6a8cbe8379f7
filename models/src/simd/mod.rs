//! The one room with `unsafe`: each block has its argument, a safe twin, and a test that both agree.

mod product;

pub(crate) use product::{Strided, product};
