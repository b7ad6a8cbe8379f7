//! The one binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    adjutant::cli::main()
}
