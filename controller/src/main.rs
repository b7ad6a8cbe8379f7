//! The one binary.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A transition allocates hundreds of small things on one thread, and another thread frees some of them: the usual allocator took
/// two fifths of a shard's time for that. It asks for no huge pages: with them an idle daemon took 17 MB more.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    adjutant::cli::main()
}
