//! `karat-agent`: what an instance carries.

#[global_allocator]
static MEMORY: karat::sys::alloc::PerThread = karat::sys::alloc::PerThread;

fn main() -> std::process::ExitCode {
    karat::cli::agent::main()
}
