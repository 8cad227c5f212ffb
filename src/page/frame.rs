//! One frame of a page.

use std::sync::Arc;

use crate::cdp::{CallError, CloseReason, Session};

use super::error::EvaluateError;
use super::evaluate::{self, Code};
use super::frame_tree::{FrameId, Realm, World};
use super::page::Page;
use super::value::{Argument, RemoteObject, RemoteValue};

/// A frame; it may have left its page since.
#[derive(Clone)]
pub struct Frame {
    page: Page,
    id: FrameId,
    /// Where code runs that is given to this.
    world: World,
}

impl Frame {
    pub(super) fn new(page: Page, id: FrameId) -> Self {
        Self {
            page,
            id,
            world: World::Main,
        }
    }

    /// The same frame for our own scripts: they run out of the page's reach, on the same document.
    #[must_use]
    pub fn helpers(&self) -> Self {
        Self {
            world: World::Helpers,
            ..self.clone()
        }
    }

    /// The same frame for the caller's code.
    #[must_use]
    pub fn main_world(&self) -> Self {
        Self::new(self.page.clone(), Arc::clone(&self.id))
    }

    /// The page it belongs to.
    #[must_use]
    pub fn page(&self) -> &Page {
        &self.page
    }

    /// Chrome's id.
    #[must_use]
    pub fn id(&self) -> &FrameId {
        &self.id
    }

    /// The document's URL, the last one once the frame is gone.
    #[must_use]
    pub fn url(&self) -> String {
        let state = self.page.lock();
        state
            .url_and_name(&self.id)
            .map_or_else(String::new, |(url, _)| url.to_owned())
    }

    /// The frame's name as of its last navigation.
    #[must_use]
    pub fn name(&self) -> String {
        let state = self.page.lock();
        state
            .url_and_name(&self.id)
            .map_or_else(String::new, |(_, name)| name.to_owned())
    }

    /// The frame that holds it.
    #[must_use]
    pub fn parent(&self) -> Option<Frame> {
        let parent = self.page.lock().tree.get(&self.id)?.parent.clone()?;
        Some(Self {
            id: parent,
            ..self.clone()
        })
    }

    /// The frames in it.
    #[must_use]
    pub fn children(&self) -> Vec<Frame> {
        let state = self.page.lock();
        state
            .tree
            .children(&self.id)
            .map(|child| Self::new(self.page.clone(), Arc::clone(&child.id)))
            .collect()
    }

    /// Whether it has left its page.
    #[must_use]
    pub fn is_detached(&self) -> bool {
        self.page.lock().tree.get(&self.id).is_none()
    }

    /// Whether its browser is gone.
    pub(super) fn is_lost(&self) -> bool {
        self.page.session().close_reason() == Some(CloseReason::Disconnected)
    }

    /// The session of its target; out-of-process frames have their own.
    #[must_use]
    pub fn session(&self) -> Session {
        let state = self.page.lock();
        state
            .tree
            .get(&self.id)
            .map_or_else(|| self.page.session().clone(), |frame| frame.session.clone())
    }

    /// Runs `then` with the current document's context: at once where there is one, else when there is.
    pub(crate) fn with_realm(&self, then: impl FnOnce(Result<Realm, EvaluateError>) + Send + 'static) {
        let mut state = self.page.lock();
        let realm = match state.tree.get_mut(&self.id) {
            None if self.is_lost() => Err(EvaluateError::Lost(Arc::clone(&self.id))),
            None => Err(EvaluateError::Detached(Arc::clone(&self.id))),
            Some(frame) => match frame.context_of(self.world) {
                Some(context) => Ok(Realm {
                    session: frame.session.clone(),
                    context,
                }),
                None if frame.session.is_crashed() => Err(EvaluateError::Call(CallError::TargetCrashed {
                    method: "Runtime.evaluate".into(),
                })),
                None if self.world == World::Main => {
                    frame.waiters.push(Box::new(then));
                    return;
                }
                None => {
                    frame.helpers.waiters.push(Box::new(then));
                    let wanted = frame.wants_helpers().then(|| frame.session.clone());
                    drop(state);
                    if let Some(session) = wanted {
                        self.page.make_helpers(&session, &self.id);
                    }
                    return;
                }
            },
        };
        drop(state);
        then(realm);
    }

    /// Chrome's id of the context in which code would run now.
    pub(super) fn current_context(&self) -> Option<i64> {
        self.page.lock().tree.get(&self.id)?.context_of(self.world)
    }

    /// Runs the code; `then` gets a copy of what comes of it, on the connection's reader or within this call.
    pub fn evaluate_with(
        &self,
        code: Code,
        then: impl FnOnce(Result<RemoteValue, EvaluateError>) + Send + 'static,
    ) {
        self.with_realm(move |realm| match realm {
            Ok(realm) => realm.evaluate(&code, then),
            Err(error) => then(Err(error)),
        });
    }

    /// Runs the code; `then` gets what comes of it, which stays in the page.
    pub fn evaluate_handle_with(
        &self,
        code: Code,
        then: impl FnOnce(Result<RemoteObject, EvaluateError>) + Send + 'static,
    ) {
        self.with_realm(move |realm| match realm {
            Ok(realm) => realm.evaluate_handle(&code, then),
            Err(error) => then(Err(error)),
        });
    }

    /// Runs the code and copies what comes of it.
    ///
    /// # Errors
    /// Where it throws, or its document or page goes away.
    pub async fn evaluate(&self, code: Code) -> Result<RemoteValue, EvaluateError> {
        evaluate::called(self.page.session(), |then| self.evaluate_with(code, then)).await
    }

    /// Runs the code; what comes of it stays in the page.
    ///
    /// # Errors
    /// Where it throws, or its document or page goes away.
    pub async fn evaluate_handle(&self, code: Code) -> Result<RemoteObject, EvaluateError> {
        evaluate::called(self.page.session(), |then| self.evaluate_handle_with(code, then)).await
    }

    /// The document as HTML, with its doctype.
    ///
    /// # Errors
    /// As any evaluation.
    pub async fn content(&self) -> Result<RemoteValue, EvaluateError> {
        self.helpers().evaluate(Code::call(CONTENT, [])).await
    }

    /// The document's title.
    ///
    /// # Errors
    /// As any evaluation.
    pub async fn title(&self) -> Result<RemoteValue, EvaluateError> {
        self.helpers()
            .evaluate(Code::call("() => document.title", []))
            .await
    }

    pub(super) async fn write_document(&self, html: Argument) -> Result<(), EvaluateError> {
        const WRITE: &str = "html => { document.open(); document.write(html); document.close(); }";
        self.helpers().evaluate(Code::call(WRITE, [html])).await.map(drop)
    }
}

const CONTENT: &str = "() => {
    let content = '';
    for (const node of document.childNodes) {
        content += node === document.documentElement
            ? document.documentElement.outerHTML
            : new XMLSerializer().serializeToString(node);
    }
    return content;
}";
