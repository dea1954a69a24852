//! What programs cost in wasmtime, in milliseconds of a processor: one line of JSON. Part of `cargo xtask bench sandbox`.

use std::{fs, path::Path, time::Duration};

use futures_executor::block_on;
use toolgate_model::Timestamp;
use toolgate_ports::{Clock, Entry, LocalFuture, Sandbox, SandboxInstance};
use toolgate_sandbox::{Call, CallResult, Dispatch, Dispatched, Limits, Log, Program, Server, Servers, Tool, run};
use toolgate_sandbox_wasmtime::WasmtimeSandbox;
use toolgate_testkit::programs::rows;

/// How often each program is run.
const RUNS: [(&str, u32); 4] = [("nothing", 500), ("small", 500), ("filter", 40), ("json", 20)];

fn main() {
    let sandbox = WasmtimeSandbox::new(1, 10);
    let load = measured(1, || drop(sandbox.open()));
    // Without gas nothing of it runs.
    let instance = || {
        let mut instance = sandbox.open().expect("none is open");
        assert!(block_on(instance.step(Entry::Start, Vec::new(), 0)).reply.is_err());
    };
    instance();
    let mut figures = vec![("load".to_owned(), load), ("instance".to_owned(), measured(500, instance))];
    for (name, times) in RUNS {
        let code =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../benches/sandbox/{name}.js")));
        let code = code.expect("the program is in benches/sandbox");
        let tools = Tools { rows: rows(), megabyte: megabyte() };
        let once = || {
            let limits = Limits { result: 4 << 20, memory: 48 << 20, ..Limits::default() };
            let report = block_on(run(&sandbox, &Still, &tools, &program(&code), &limits, Log::default()));
            assert!(!report.is_error(), "{:?}", report.outcome);
            report.gas
        };
        once();
        figures.push((
            name.to_owned(),
            measured(times, || {
                once();
            }),
        ));
        figures.push((format!("{name} gas"), once() as f64));
    }
    println!("{}", serde_json::Value::Object(figures.into_iter().map(|(name, value)| (name, value.into())).collect()));
}

/// Milliseconds of a processor that `work` takes, on average.
fn measured(times: u32, work: impl Fn()) -> f64 {
    let begin = processor_time();
    (0..times).for_each(|_| work());
    (processor_time() - begin) as f64 / 1e6 / f64::from(times)
}

fn processor_time() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let used = tasks.filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok());
    used.filter_map(|text| text.split(' ').next()?.parse::<u64>().ok()).sum()
}

fn program(code: &str) -> Program {
    let tools = ["list_issues", "rows", "megabyte"].map(|name| Tool { ident: name.to_owned(), name: name.to_owned() });
    let servers = Servers::new(&[Server { id: "github".to_owned(), ident: "github".to_owned(), tools: tools.into() }]);
    Program { code: code.to_owned(), seed: 1, now: Timestamp::from_millis(0), servers }
}

/// Rows until they are a megabyte.
fn megabyte() -> String {
    let rows = rows();
    let inner = rows.trim_start_matches('[').trim_end_matches(']');
    let times = (1 << 20) / inner.len() + 1;
    format!("[{}]", vec![inner; times].join(","))
}

struct Tools {
    rows: String,
    megabyte: String,
}

impl Dispatch for Tools {
    async fn call(&self, call: &Call) -> Dispatched {
        Dispatched::Ended(CallResult::Json(match call.tool.as_str() {
            "rows" => self.rows.clone().into(),
            "megabyte" => self.megabyte.clone().into(),
            _ => r#"{"n":42}"#.into(),
        }))
    }
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0)
    }
    fn ticks(&self) -> u64 {
        0
    }
    fn sleep(&self, _: Duration) -> LocalFuture<()> {
        Box::pin(std::future::pending())
    }
}
