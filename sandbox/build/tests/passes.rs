//! The passes on modules in text, run in wasmi.

#![allow(clippy::unwrap_used, reason = "in a test, also in its helpers")]

use toolgate_sandbox_build::{PassError, import_memory, meter, own_memory};
use wasmi::{Config, Engine, Extern, Instance, Linker, Memory, MemoryType, Module, Store, Val};

struct Running {
    store: Store<()>,
    instance: Instance,
}

fn start(module: &[u8]) -> Running {
    // Deeper than what is metered may be.
    let mut config = Config::default();
    config.set_max_recursion_depth(100_000).set_max_stack_height(64 << 20);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, module).unwrap();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let memory = Memory::new(&mut store, MemoryType::new(1, Some(4))).unwrap();
    linker.define("env", "memory", Extern::Memory(memory)).unwrap();
    let instance = linker.instantiate_and_start(&mut store, &module).unwrap();
    Running { store, instance }
}

impl Running {
    /// What `name` gives for `argument` with as much gas, and the gas that is left.
    fn call(&mut self, name: &str, argument: i32, gas: i64) -> (Option<i32>, i64) {
        let global = self.instance.get_global(&self.store, "gas").unwrap();
        global.set(&mut self.store, Val::I64(gas)).unwrap();
        let function = self.instance.get_typed_func::<i32, i32>(&self.store, name).unwrap();
        let result = function.call(&mut self.store, argument).ok();
        (result, global.get(&self.store).i64().unwrap())
    }

    /// The gas that a call needs.
    fn cost(&mut self, name: &str, argument: i32) -> i64 {
        let (result, left) = self.call(name, argument, 1_000_000);
        assert!(result.is_some(), "{name}({argument}) trapped");
        1_000_000 - left
    }
}

/// The module in `text`, with a stack pointer as the guest has one.
fn metered(text: &str) -> Running {
    let text = text.replacen("(module", "(module (global (mut i32) (i32.const 0))", 1);
    start(&meter(&wat::parse_str(text).unwrap()).unwrap())
}

const SUM: &str = r#"(module (func (export "sum") (param $n i32) (result i32) (local $sum i32)
    (block $done (loop $again
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $sum (i32.add (local.get $sum) (local.get $n)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $again)))
    (local.get $sum)))"#;

#[test]
fn a_metered_loop_gives_what_it_gave_and_costs_by_its_turns() {
    let mut running = metered(SUM);
    assert_eq!(running.call("sum", 10, 1_000).0, Some(55));
    let (ten, twenty, thirty) = (running.cost("sum", 10), running.cost("sum", 20), running.cost("sum", 30));
    assert!(ten > 0);
    assert_eq!(twenty - ten, thirty - twenty);
}

#[test]
fn who_has_no_gas_left_is_stopped_below_zero() {
    let mut running = metered(SUM);
    let cost = running.cost("sum", 100);
    assert_eq!(running.call("sum", 100, cost), (Some(5050), 0));
    let (result, left) = running.call("sum", 100, cost - 1);
    assert!(result.is_none() && left < 0);
}

#[test]
fn a_loop_without_an_end_is_stopped() {
    let mut running = metered(
        r#"(module (func (export "f") (param i32) (result i32) (loop $again (nop) (i32.eqz (i32.const 1)) drop (br $again)) unreachable))"#,
    );
    let (result, left) = running.call("f", 0, 10_000);
    assert!(result.is_none() && left < 0);
}

/// Divisions cost more than additions.
const BRANCHES: &str = r#"(module (func (export "f") (param $n i32) (result i32)
    (if (result i32) (local.get $n)
        (then (i32.div_u (i32.div_u (i32.div_u (i32.div_u (i32.const 100) (local.get $n)) (local.get $n)) (local.get $n)) (local.get $n)))
        (else (i32.const 1)))))"#;

#[test]
fn a_branch_costs_as_much_as_the_longest() {
    let mut running = metered(BRANCHES);
    assert_eq!(running.cost("f", 0), running.cost("f", 5));
    assert!(running.cost("f", 5) >= 32);
}

#[test]
fn what_is_copied_is_charged_by_its_length() {
    let mut running = metered(
        r#"(module (memory 2) (func (export "f") (param $n i32) (result i32)
        (memory.fill (i32.const 0) (i32.const 1) (local.get $n))
        (memory.copy (i32.const 0) (i32.const 0) (local.get $n)) (i32.load8_u (i32.const 0))))"#,
    );
    assert_eq!(running.call("f", 1, 1_000).0, Some(1));
    assert_eq!(running.cost("f", 100_000) - running.cost("f", 0), 2 * 100_000 / 4);
    assert!(running.call("f", 100_000, 1_000).0.is_none());
}

#[test]
fn calls_may_be_nested_only_so_deep_and_leave_nothing_behind() {
    let text = r#"(module (func $f (export "f") (param $n i32) (result i32)
        (if (i32.eqz (local.get $n)) (then (return (i32.const 0))))
        (block $out (br_if $out (i32.const 0)))
        (i32.add (call $f (i32.sub (local.get $n) (i32.const 1))) (i32.const 1))))"#;
    let mut running = metered(text);
    for _ in 0..100 {
        assert_eq!(running.call("f", 5_000, 1_000_000).0, Some(5_000));
    }
    let (result, left) = running.call("f", 1_000_000, i64::MAX);
    assert!(result.is_none() && left > 0, "it is the depth that ended it");
}

#[test]
fn small_functions_are_charged_to_their_callers() {
    let with = |body: &str| {
        format!(
            r#"(module (func $small (param i32) (result i32) {body})
                (func (export "f") (param i32) (result i32) (call $small (call $small (local.get 0)))))"#
        )
    };
    let cheap = metered(&with("(local.get 0)")).cost("f", 1);
    let dear = metered(&with("(i32.add (i32.add (local.get 0) (i32.const 1)) (i32.const 1))")).cost("f", 1);
    assert_eq!(dear - cheap, 4);
}

#[test]
fn a_module_that_imports_functions_is_not_metered() {
    let module = wat::parse_str(r#"(module (import "env" "f" (func)))"#).unwrap();
    assert!(matches!(meter(&module), Err(PassError::Form(_))));
}

#[test]
fn memory_can_be_given_and_taken_back() {
    let own = wat::parse_str(r#"(module (memory (export "memory") 1 4) (global (export "gas") (mut i64) (i64.const 0)) (data (i32.const 8) "x")
        (func (export "f") (param i32) (result i32) (i32.load8_u (i32.const 8))))"#).unwrap();
    let imported = import_memory(&own).unwrap();
    assert!(imported.windows(10).any(|part| part == b"env\x06memory"));
    let mut running = start(&imported);
    assert_eq!(running.call("f", 0, 0).0, Some(i32::from(b'x')));
    let again = own_memory(&imported).unwrap();
    assert!(Module::new(&Engine::default(), &again).unwrap().imports().next().is_none());
    assert!(import_memory(&imported).is_err() && own_memory(&own).is_err());
}

#[cfg(feature = "guest")]
mod snapshot {
    use toolgate_sandbox_build::snapshot;
    use wasmi::{Engine, Module};

    use super::start;

    #[test]
    fn a_snapshot_begins_where_init_ended() {
        let guest = wat::parse_str(
            r#"(module (memory (export "memory") 1 4) (global $stack (mut i32) (i32.const 1024)) (global (export "gas") i64 (i64.const 0))
                (data (i32.const 0) "old")
                (func (export "init") (drop (memory.grow (i32.const 1))) (i32.store8 (i32.const 0) (i32.const 110)) (i32.store (i32.const 70000) (i32.const 7)))
                (func (export "start") (param i32) (result i32) (i32.load (local.get 0))))"#,
        )
        .unwrap();
        let taken = snapshot(&guest).unwrap();
        let module = Module::new(&Engine::default(), &taken).unwrap();
        let names: Vec<_> = module.exports().map(|export| export.name().to_owned()).collect();
        assert_eq!(names, ["memory", "start"]);
        let mut running = start(&taken);
        let start = running.instance.get_typed_func::<i32, i32>(&running.store, "start").unwrap();
        assert_eq!(start.call(&mut running.store, 70_000).unwrap(), 7);
        assert_eq!(start.call(&mut running.store, 0).unwrap().to_le_bytes(), *b"nld\0");
        assert_eq!(running.instance.get_memory(&running.store, "memory").unwrap().size(&running.store), 2);
    }

    #[test]
    fn what_a_snapshot_would_not_hold_is_refused() {
        for text in [
            r#"(module (import "env" "f" (func)) (global (mut i32) (i32.const 0)))"#,
            "(module (global (mut i32) (i32.const 0)) (global (mut i32) (i32.const 0)))",
            r#"(module (memory 1) (global (mut i32) (i32.const 0)) (data "passive"))"#,
        ] {
            assert!(snapshot(&wat::parse_str(text).unwrap()).is_err());
        }
    }
}
