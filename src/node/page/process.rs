//! The browser's process, in the shape of Node's `ChildProcess`.

use std::cell::Cell;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::rc::Rc;
use std::sync::Arc;

use crate::cdp::io;
use crate::driver::chromium;
use crate::node::js::class::{self, Class, Method, data_of};
use crate::node::js::{JsRef, JsThread, Scope, Thrown, Value};

use super::emitter::{self, Emits, Emitter};

/// What the object carries.
pub(super) struct Child {
    browser: Arc<chromium::Browser>,
    emitter: Emitter,
    killed: Cell<bool>,
}

/// The object of a browser that we started; `null` for any other.
pub(super) fn wrap<'s>(scope: Scope<'s>, browser: &Arc<chromium::Browser>) -> Result<Value<'s>, Thrown> {
    if browser.pid().is_none() {
        return Ok(scope.null());
    }
    let data = Rc::new(Child {
        browser: Arc::clone(browser),
        emitter: Emitter::default(),
        killed: Cell::new(false),
    });
    let object = class::instantiate::<ChildProcess>(scope, data)?;
    if let (Some(kept), Some(thread)) = (JsRef::new(object), JsThread::current()) {
        let browser = Arc::clone(browser);
        // Ends with the process.
        io::spawn(async move {
            let status = browser.exited().await;
            thread.post(move |scope| ended(scope, &kept, status));
        });
    }
    Ok(object)
}

fn ended(scope: Scope<'_>, object: &JsRef, status: Option<ExitStatus>) {
    if let Some(child) = data_of::<Child>(object.get(scope)) {
        let arguments = [code(scope, status), signal(scope, status)];
        for event in ["exit", "close"] {
            child.emitter.emit_all(scope, event, &arguments);
        }
    }
}

fn code(scope: Scope<'_>, status: Option<ExitStatus>) -> Value<'_> {
    let code = status.and_then(|status| status.code());
    code.map_or_else(|| scope.null(), |code| scope.number(f64::from(code)))
}

fn signal(scope: Scope<'_>, status: Option<ExitStatus>) -> Value<'_> {
    let name = match status.and_then(|status| status.signal()) {
        None => return scope.null(),
        Some(1) => "SIGHUP",
        Some(2) => "SIGINT",
        Some(3) => "SIGQUIT",
        Some(4) => "SIGILL",
        Some(5) => "SIGTRAP",
        Some(6) => "SIGABRT",
        Some(8) => "SIGFPE",
        Some(9) => "SIGKILL",
        Some(11) => "SIGSEGV",
        Some(13) => "SIGPIPE",
        Some(15) => "SIGTERM",
        Some(other) => return scope.string(&format!("SIG{other}")),
    };
    scope.string(name)
}

impl Emits for Child {
    fn emitter(&self) -> &Emitter {
        &self.emitter
    }

    fn changed(&self, _: Value<'_>) {}
}

struct ChildProcess;

impl Class for ChildProcess {
    type Data = Child;
    const NAME: &'static str = "ChildProcess";
    const MORE: &'static [&'static [Method<Child>]] = &[&emitter::methods()];
    const METHODS: &'static [Method<Child>] = &[
        Method::getter("pid", |scope, child, _| {
            let pid = child.browser.pid();
            Ok(pid.map_or_else(|| scope.undefined(), |pid| scope.number(f64::from(pid))))
        }),
        Method::getter("spawnfile", |scope, child, _| {
            let file = child.browser.command_line().first();
            Ok(file.map_or_else(|| scope.undefined(), |file| scope.string(file)))
        }),
        Method::getter("spawnargs", |scope, child, _| {
            let parts = child.browser.command_line().iter();
            Ok(scope.array(parts.map(|part| scope.string(part))))
        }),
        Method::getter("killed", |scope, child, _| Ok(scope.boolean(child.killed.get()))),
        Method::getter("exitCode", |scope, child, _| {
            Ok(code(scope, child.browser.exit_status()))
        }),
        Method::getter("signalCode", |scope, child, _| {
            Ok(signal(scope, child.browser.exit_status()))
        }),
        Method::sync("kill", |scope, child, call| {
            let Some(pid) = child
                .browser
                .pid()
                .filter(|_| child.browser.exit_status().is_none())
            else {
                return Ok(scope.boolean(false));
            };
            let pid = scope.number(f64::from(pid));
            let process = scope.global().get("process")?;
            process.call_method("kill", &[pid, call.argument(0)])?;
            child.killed.set(true);
            Ok(scope.boolean(true))
        }),
    ];
}
