//! Runs a program: cargo run --example run -- 'code'
use toolgate_ports::{Entry, Sandbox, SandboxInstance};
fn main() {
    let sandbox = toolgate_sandbox_wasmtime::WasmtimeSandbox::new(2, 10);
    let code = std::env::args().nth(1).unwrap();
    for _ in 0..5 {
    let t = std::time::Instant::now();
    let mut i = sandbox.open().unwrap();
    let opened = t.elapsed();
    let input = format!(r#"{{"code":{},"seed":1,"now":1000000000000,"servers":[{{"id":"github","ident":"github","tools":[["list_issues","list-issues"],["get_issue","get_issue"],["create_issue","create_issue"]]}},{{"id":"my-files","ident":"my_files","tools":[["read","read"]]}}],"limits":{{"memory":25165824,"calls":50,"arguments":262144,"result":1048576,"logs":16384}}}}"#, serde_json::to_string(&code).unwrap());
    let s = futures_executor::block_on(i.step(Entry::Start, input.into_bytes(), 1_000_000_000));
    println!("{:?} {:?} {} {:?} gas {}", opened, t.elapsed(), s.memory, s.reply.map(|r| String::from_utf8(r).unwrap()), 1_000_000_000 - s.gas);
    }
}
