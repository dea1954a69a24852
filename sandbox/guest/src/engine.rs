//! The interpreter, with nothing of a host in it: a clock that stands still, UTC, no modules, no code from strings.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::Future,
    path::Path,
    rc::Rc,
    task::{self, Waker},
};

use boa_engine::{
    Context, JsNativeError, JsResult, JsString, Module, Source,
    context::{
        HostHooks,
        time::{Clock, JsInstant},
    },
    job::{Job, JobExecutor},
    module::{ModuleLoader, ModuleRequest, Referrer},
    realm::Realm,
};

/// What the program is called in stacks.
pub(crate) const ENTRY: &str = "program";
/// The largest ArrayBuffer, in bytes; the memory's limit comes sooner, this only makes it a RangeError that can be caught.
const BUFFER: u64 = 8 << 20;

/// The interpreter and what it asks of a host.
pub(crate) struct Engine {
    pub context: Context,
    now: Rc<Now>,
    jobs: Rc<Jobs>,
}

impl Engine {
    pub(crate) fn new() -> JsResult<Self> {
        let now = Rc::new(Now::default());
        let jobs = Rc::new(Jobs::default());
        let mut context = Context::builder()
            .host_hooks(Rc::new(Hooks))
            .clock(Rc::clone(&now))
            .job_executor(Rc::clone(&jobs))
            .module_loader(Rc::new(NoModules))
            .can_block(false)
            .build()?;
        // Memory and gas bound recursion, and end the instance. The interpreter's own errors about it can't be caught, and it sometimes loses them.
        let limits = context.runtime_limits_mut();
        limits.set_recursion_limit(usize::MAX);
        limits.set_stack_size_limit(usize::MAX);
        Ok(Self { context, now, jobs })
    }

    /// Sets the time of day, in milliseconds since 1970.
    pub(crate) fn set_now(&self, millis: i64) {
        self.now.0.set(millis);
    }

    /// Runs promise jobs until there are none.
    pub(crate) fn run_jobs(&mut self) -> JsResult<()> {
        Rc::clone(&self.jobs).run_jobs(&mut self.context)
    }
}

/// The program's text as the interpreter takes it.
pub(crate) fn source(code: &str) -> Source<'_, boa_engine::parser::source::UTF8Input<&[u8]>> {
    Source::from_bytes(code.as_bytes()).with_path(Path::new(ENTRY))
}

struct Hooks;

impl HostHooks for Hooks {
    fn ensure_can_compile_strings(
        &self,
        _: Realm,
        _: &[JsString],
        _: &JsString,
        _: bool,
        _: &mut Context,
    ) -> JsResult<()> {
        Err(JsNativeError::eval().with_message("code can't be made from strings here").into())
    }

    fn local_timezone_offset_seconds(&self, _: i64) -> i32 {
        0
    }

    fn max_buffer_size(&self, _: &mut Context) -> u64 {
        BUFFER
    }
}

/// The time, which the program can't see pass.
#[derive(Default)]
struct Now(Cell<i64>);

impl Clock for Now {
    fn now(&self) -> JsInstant {
        JsInstant::new(self.0.get().unsigned_abs() / 1_000, 0)
    }

    fn system_time_millis(&self) -> i64 {
        self.0.get()
    }
}

/// Promise jobs in their order. There are no timers, and nothing else to wait for.
#[derive(Default)]
struct Jobs(RefCell<VecDeque<Job>>);

impl JobExecutor for Jobs {
    fn enqueue_job(self: Rc<Self>, job: Job, _: &mut Context) {
        self.0.borrow_mut().push_back(job);
    }

    fn run_jobs(self: Rc<Self>, context: &mut Context) -> JsResult<()> {
        loop {
            let Some(job) = self.0.borrow_mut().pop_front() else { return Ok(()) };
            match job {
                Job::PromiseJob(job) => drop(job.call(context)?),
                Job::GenericJob(job) => drop(job.call(context)?),
                // An import, which fails at once.
                Job::AsyncJob(job) => {
                    let context = RefCell::new(&mut *context);
                    let mut future = std::pin::pin!(job.call(&context));
                    let _ = future.as_mut().poll(&mut task::Context::from_waker(Waker::noop()));
                }
                _ => {}
            }
        }
    }
}

struct NoModules;

impl ModuleLoader for NoModules {
    async fn load_imported_module(
        self: Rc<Self>,
        _: Referrer,
        request: ModuleRequest,
        _: &RefCell<&mut Context>,
    ) -> JsResult<Module> {
        let name = request.specifier().to_std_string_escaped();
        let message = format!("there are no modules here, and so no {name:?}");
        Err(JsNativeError::typ().with_message(message).into())
    }
}
