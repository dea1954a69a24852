//! `toolgate-sandbox-build GUEST MODULE`: makes the sandbox's module from the compiled guest.

use std::{env, fs, process::ExitCode};

fn main() -> ExitCode {
    let [guest, module] = &env::args().skip(1).collect::<Vec<_>>()[..] else {
        eprintln!("usage: toolgate-sandbox-build GUEST MODULE");
        return ExitCode::FAILURE;
    };
    match run(guest, module) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("toolgate-sandbox-build: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(guest: &str, module: &str) -> Result<(), Box<dyn std::error::Error>> {
    let finished = toolgate_sandbox_build::finish(&fs::read(guest)?)?;
    Ok(fs::write(module, finished)?)
}
