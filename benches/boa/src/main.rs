//! `toolgate-bench-boa FOLDER MEGABYTE`: what the programs in `FOLDER` cost in plain boa, in milliseconds of a processor: one line of JSON. `MEGABYTE` is
//! a file of JSON, an array of rows; a part of it stands for a thousand rows.

use std::{env, fs, path::Path};

use boa_engine::{Context, JsError, Source};

const RUNS: [(&str, u32); 4] = [("nothing", 200), ("small", 200), ("filter", 20), ("json", 5)];

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let [_, folder, megabyte] = &arguments[..] else { panic!("usage: toolgate-bench-boa FOLDER MEGABYTE") };
    let megabyte = fs::read_to_string(megabyte).expect("the file of rows can be read");
    let mut figures = Vec::new();
    for (name, times) in RUNS {
        let code = fs::read_to_string(Path::new(folder).join(format!("{name}.js"))).expect("the program can be read");
        let once = || run(&code, &megabyte).expect("the program runs");
        once();
        let begin = processor_time();
        (0..times).for_each(|_| once());
        let milliseconds = (processor_time() - begin) as f64 / 1e6 / f64::from(times);
        figures.push(format!("\"{name}\":{milliseconds}"));
    }
    println!("{{{}}}", figures.join(","));
}

/// A fresh interpreter, tools that answer at once, the program, and its result as JSON.
fn run(code: &str, megabyte: &str) -> Result<(), JsError> {
    let mut context = Context::default();
    let text = boa_engine::JsString::from(megabyte);
    context.register_global_property(
        boa_engine::js_string!("MEGABYTE"),
        text,
        boa_engine::property::Attribute::all(),
    )?;
    let program = format!(
        "let done; const github = {{ list_issues: async () => ({{ n: 42 }}), megabyte: async () => JSON.parse(MEGABYTE),
            rows: async () => JSON.parse(MEGABYTE).slice(0, 1000) }};
         (async () => {{ {code} }})().then((value) => {{ done = JSON.stringify(value) }}); "
    );
    context.eval(Source::from_bytes(&program))?;
    context.run_jobs()?;
    context.eval(Source::from_bytes("done")).map(drop)
}

/// What this process has used of processors, in nanoseconds.
fn processor_time() -> u64 {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|used| used.parse().ok()).unwrap_or_default()
}
