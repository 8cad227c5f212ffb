//! The stacks of errors that we make: they are made when no JavaScript runs, or somebody else's, and are to show who
//! has called.

use std::ptr;

use napi::sys;

use super::reference::JsRef;
use super::scope::Scope;
use super::value::Value;

/// Whose frames an error's stack has, as a mark that JavaScript does not see.
#[derive(Clone, Copy)]
pub(super) enum Origin {
    /// Made here: its frames are those of whatever was running.
    Ours,
    /// Thrown in a page: its frames are the page's.
    Page,
}

impl Origin {
    fn tag(self) -> sys::napi_type_tag {
        // Any numbers that nobody else uses.
        let upper = match self {
            Self::Ours => 0x8f2d_5b16_40c7_3ae9,
            Self::Page => 0x8f2d_5b16_40c7_3aea,
        };
        sys::napi_type_tag {
            lower: 0x71c0_94be_d35a_2f68,
            upper,
        }
    }

    /// Marks an error of this origin.
    pub(super) fn mark(self, error: Value<'_>) {
        if error.is_object() {
            let tag = self.tag();
            #[expect(unsafe_code, reason = "N-API's tags")]
            // SAFETY: on the thread of the environment, with an object.
            unsafe {
                sys::napi_type_tag_object(error.scope().raw_env(), error.raw(), &raw const tag)
            };
        }
    }

    fn is_of(self, error: Value<'_>) -> bool {
        let tag = self.tag();
        let mut is_tagged = false;
        #[expect(unsafe_code, reason = "N-API's tags")]
        // SAFETY: as above.
        let status = unsafe {
            let env = error.scope().raw_env();
            sys::napi_check_object_type_tag(env, error.raw(), &raw const tag, &raw mut is_tagged)
        };
        status == sys::Status::napi_ok && is_tagged
    }
}

/// Where a call came from. V8 notes the frames at once and makes them text only when somebody reads them.
pub(crate) struct CallSite(Option<JsRef>);

impl CallSite {
    /// Of the call that is being served.
    pub(super) fn here(scope: Scope<'_>) -> Self {
        let mut error = ptr::null_mut();
        #[expect(unsafe_code, reason = "N-API's errors")]
        // SAFETY: on the thread of the environment, with a string of it.
        let status = unsafe {
            let message = scope.string("").raw();
            sys::napi_create_error(scope.raw_env(), ptr::null_mut(), message, &raw mut error)
        };
        let is_made = status == sys::Status::napi_ok;
        Self(is_made.then(|| JsRef::new(Value::new(scope, error))).flatten())
    }

    /// The same as text, as a stack shows its first frame: `name (file:line:column)`. It costs the making of that text,
    /// so only what the caller's own frame is enough for asks for it.
    pub(crate) fn text(scope: Scope<'_>) -> Option<String> {
        let class = scope.global().get("Error").ok()?;
        // Whoever has taken stacks over would be asked for one at each call.
        let [limit, prepare] = ["stackTraceLimit", "prepareStackTrace"].map(|name| class.get(name).ok());
        let limit = limit.filter(|limit| limit.as_f64().is_some());
        let prepare = prepare.filter(|prepare| prepare.is_function());
        if limit.is_some() {
            class.set("stackTraceLimit", scope.number(1.0));
        }
        if prepare.is_some() {
            class.set("prepareStackTrace", scope.undefined());
        }
        let site = Self::here(scope);
        let stack = site
            .0
            .and_then(|site| site.get(scope).get("stack").ok()?.as_string());
        if let Some(prepare) = prepare {
            class.set("prepareStackTrace", prepare);
        }
        if let Some(limit) = limit {
            class.set("stackTraceLimit", limit);
        }
        let frame = stack?.lines().nth(1)?.trim().to_owned();
        let frame = frame.strip_prefix("at ")?;
        Some(frame.strip_prefix("async ").unwrap_or(frame).to_owned())
    }

    /// Shows it in the stack of an error that the call fails with. What others have made stays as it is.
    pub(super) fn show_in(&self, error: Value<'_>) {
        if !error.is_object() {
            return;
        }
        let shown = if Origin::Ours.is_of(error) {
            error.coerce_to_string().ok()
        } else if Origin::Page.is_of(error) {
            error.get("stack").ok().and_then(Value::as_string)
        } else {
            None
        };
        let Some(shown) = shown else { return };
        let scope = error.scope();
        let Some(called) = self.0.as_ref().map(|called| called.get(scope)) else {
            return;
        };
        // Something else than text where somebody has taken stacks over.
        let stack = called.get("stack").ok().and_then(Value::as_string);
        if let Some((_, frames)) = stack.as_deref().and_then(|stack| stack.split_once('\n'))
            && !shown.ends_with(frames)
        {
            error.set("stack", scope.string(&format!("{shown}\n{frames}")));
        }
    }
}
