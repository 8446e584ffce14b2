//! `karat`: the CI side, and everything else.

fn main() -> std::process::ExitCode {
    karat::cli::main()
}
