//! Running code in a page.

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::cdp::{CallError, Deadline, Session};

use super::decode::decode;
use super::error::EvaluateError;
use super::exception::Exception;
use super::frame_tree::Realm;
use super::page::send;
use super::value::{Argument, RawRemoteObject, RemoteObject, RemoteValue};

/// Code for a page.
#[derive(Clone, Debug)]
pub enum Code {
    /// The source of an expression or script.
    Expression(String),
    /// The source of a function, and what it is called with.
    Function {
        /// The source.
        declaration: String,
        /// The arguments.
        arguments: Vec<Argument>,
    },
}

impl Code {
    /// A call of the function with this source.
    #[must_use]
    pub fn call(declaration: impl Into<String>, arguments: impl Into<Vec<Argument>>) -> Self {
        Self::Function {
            declaration: declaration.into(),
            arguments: arguments.into(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Evaluate<'a> {
    expression: &'a str,
    context_id: i64,
    return_by_value: bool,
    await_promise: bool,
    user_gesture: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallFunctionOn<'a> {
    function_declaration: &'a str,
    execution_context_id: i64,
    arguments: &'a [Argument],
    return_by_value: bool,
    await_promise: bool,
    user_gesture: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    result: RawRemoteObject<'a>,
    #[serde(borrow)]
    exception_details: Option<&'a RawValue>,
}

impl Realm {
    /// Runs the code; what comes of it is copied.
    pub fn evaluate(
        &self,
        code: &Code,
        then: impl FnOnce(Result<RemoteValue, EvaluateError>) + Send + 'static,
    ) {
        self.run(code, true, read_value, then);
    }

    /// Runs the code; what comes of it stays in the page.
    pub fn evaluate_handle(
        &self,
        code: &Code,
        then: impl FnOnce(Result<RemoteObject, EvaluateError>) + Send + 'static,
    ) {
        self.run(code, false, read_object, then);
    }

    fn run<T: 'static>(
        &self,
        code: &Code,
        by_value: bool,
        read: impl FnOnce(&RawRemoteObject<'_>) -> T + Send + 'static,
        then: impl FnOnce(Result<T, EvaluateError>) + Send + 'static,
    ) {
        let method = match code {
            Code::Expression(_) => "Runtime.evaluate",
            Code::Function { .. } => "Runtime.callFunctionOn",
        };
        let answered = move |answer: Result<&RawValue, CallError>| then(conclude(method, answer, read));
        match code {
            Code::Expression(expression) => {
                let params = Evaluate {
                    expression,
                    context_id: self.context,
                    return_by_value: by_value,
                    await_promise: true,
                    user_gesture: true,
                };
                self.session.call(method, params, Deadline::Protocol, answered);
            }
            Code::Function {
                declaration,
                arguments,
            } => {
                let params = CallFunctionOn {
                    function_declaration: declaration,
                    execution_context_id: self.context,
                    arguments,
                    return_by_value: by_value,
                    await_promise: true,
                    user_gesture: true,
                };
                self.session.call(method, params, Deadline::Protocol, answered);
            }
        }
    }
}

fn read_value(raw: &RawRemoteObject<'_>) -> RemoteValue {
    raw.to_value()
}

fn read_object(raw: &RawRemoteObject<'_>) -> RemoteObject {
    raw.to_object()
}

fn conclude<T>(
    method: &'static str,
    answer: Result<&RawValue, CallError>,
    read: impl FnOnce(&RawRemoteObject<'_>) -> T,
) -> Result<T, EvaluateError> {
    let raw = match answer {
        Ok(raw) => raw.get(),
        Err(error) if is_not_copyable(&error) => r#"{"result":{"type":"undefined"}}"#,
        Err(error) if is_navigation(&error) => return Err(EvaluateError::ContextDestroyed),
        Err(error) => return Err(error.into()),
    };
    let answer: Answer<'_> = decode(method, raw)?;
    match answer.exception_details {
        Some(details) => Err(EvaluateError::Exception(Box::new(Exception::parse(details)))),
        None => Ok(read(&answer.result)),
    }
}

fn is_not_copyable(error: &CallError) -> bool {
    matches!(error, CallError::Protocol { message, .. }
        if message.contains("Object reference chain is too long")
            || message.contains("Object couldn't be returned by value"))
}

pub(super) fn is_navigation(error: &CallError) -> bool {
    matches!(error, CallError::Protocol { message, .. }
        if message.ends_with("Cannot find context with specified id")
            || message.ends_with("Inspected target navigated or closed"))
}

/// Turns a callback into a future; the call is made at once.
pub(crate) async fn called<T: Send + 'static>(
    session: &Session,
    start: impl FnOnce(Box<dyn FnOnce(Result<T, EvaluateError>) + Send>),
) -> Result<T, EvaluateError> {
    let (sender, receiver) = oneshot::channel();
    // Nobody waits any more where the receiver is gone.
    start(Box::new(move |outcome| drop(sender.send(outcome))));
    match receiver.await {
        Ok(outcome) => outcome,
        // The page was dropped with the call in it.
        Err(_) => Err(EvaluateError::Call(CallError::Disconnected {
            method: session
                .target_type()
                .unwrap_or("Runtime.evaluate")
                .to_owned()
                .into(),
        })),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReleaseObject<'a> {
    object_id: &'a str,
}

/// Lets go of an object of the page. It goes with its document anyway, so nobody waits for the answer.
pub fn release(session: &Session, object_id: &str) {
    session.call(
        "Runtime.releaseObject",
        ReleaseObject { object_id },
        Deadline::Protocol,
        |_| {},
    );
}

/// The same, and waits for the answer, which comes behind all that the page has said before. That it has gone is as good.
pub async fn released(session: &Session, object_id: &str) {
    let params = json!({ "objectId": object_id });
    drop(send(session, "Runtime.releaseObject", params).await);
}
