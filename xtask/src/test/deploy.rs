//! What is deployed is what was written down: wrangler and SAM take the project as it is.

use super::report::Tally;
use crate::{
    build,
    command::{command, run},
    install, places,
    problem::Result,
};

pub(super) fn worker() -> Result<Tally> {
    let out = places::target_dir().join("wrangler");
    let mut wrangler = command(places::npm_bin("wrangler"));
    run(build::worker_env(&mut wrangler)?.args(["deploy", "--dry-run", "--outdir"]).arg(out))?;
    Ok(Tally::one())
}

pub(super) fn lambda() -> Result<Tally> {
    let (sam, tools) = (install::python("sam")?, install::python("tools")?);
    let path = places::path_with(&[tools, sam.clone()])?;
    let in_sam = |program: &str| {
        let mut command = command(sam.join(program));
        command
            .env("PATH", &path)
            .env("SAM_CLI_TELEMETRY", "0")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("CARGO_LAMBDA_COMPILER", "cargo");
        command
    };
    run(in_sam("sam").args(["validate", "--lint", "--region", "us-east-1"]))?;
    run(in_sam("python3").arg("infra/lint.py"))?;
    run(in_sam("sam").arg("build"))?;
    Ok(Tally::one())
}
