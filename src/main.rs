//! The command `smale`.

fn main() -> std::process::ExitCode {
    smale::cli::main()
}
