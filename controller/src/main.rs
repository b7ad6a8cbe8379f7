//! The one binary.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A transition allocates hundreds of small things on one thread, and another thread frees some of them: the usual allocator took
/// a third of a shard's time for that.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    adjutant::cli::main()
}
