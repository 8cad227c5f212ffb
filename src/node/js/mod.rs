//! The JavaScript thread as the rest of the addon uses it.
//!
//! [`JsThread::post`] runs a closure on it from anywhere; [`Scope`] and [`Value`] read, make and call
//! JavaScript values without losing an exception; [`JsRef`] keeps one; [`Deferred`] settles a promise;
//! [`spawn_local`] runs a future that awaits JavaScript promises without leaving the thread.

mod call_site;
pub(crate) mod class;
mod deferred;
mod error;
mod function;
mod local;
mod memory;
pub(crate) mod realm;
mod reference;
mod scope;
mod thread;
mod value;

pub(crate) use call_site::CallSite;
pub(crate) use deferred::Deferred;
pub(crate) use error::{ErrorClass, Thrown, register_error_classes};
pub(crate) use function::Call;
pub(crate) use local::{LocalTask, Settled, call_method, settled, spawn_cancellable, spawn_local};
pub(crate) use reference::{JsRef, JsWeak};
pub(crate) use scope::{Scope, with_scope};
pub(crate) use thread::{JsThread, KeepAlive};
pub(crate) use value::{Kind, Value};
