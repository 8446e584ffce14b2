//! `karat-agent`: what an instance carries.

fn main() -> std::process::ExitCode {
    karat::cli::agent::main()
}
