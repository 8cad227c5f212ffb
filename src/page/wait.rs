//! Waiting for something to become true in a page, across navigations.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;

use super::error::{EvaluateError, SelectorError, WaitError};
use super::evaluate::Code;
use super::frame::Frame;
use super::frame_tree::Realm;
use super::selector::Selector;
use super::value::{Argument, RemoteObject};

/// When the function is tried again.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Polling {
    /// At each animation frame.
    #[default]
    AnimationFrame,
    /// After each change of the document.
    Mutation,
    /// After so many milliseconds.
    Interval(f64),
}

/// How to wait.
#[derive(Debug, Default)]
pub struct WaitOptions {
    /// When the function is tried again. Default: at each animation frame.
    pub polling: Polling,
    /// In milliseconds, 0 for none. Default: the page's.
    pub timeout: Option<u64>,
    /// An element of the page's own world, where changes are watched for in place of the document.
    pub root: Option<RemoteObject>,
    /// Gives up when this is sent to; its being dropped means nothing.
    pub abort: Option<oneshot::Receiver<()>>,
}

/// What a selector must find.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wanted {
    /// An element.
    #[default]
    Present,
    /// An element that can be seen.
    Visible,
    /// None, or one that cannot be seen.
    Hidden,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Takes the id, the polling and the root, then the arguments of the function that replaces `PREDICATE`.
const POLLER: &str = "(id, polling, root, ...args) => {
    const predicate = (PREDICATE);
    const key = Symbol.for('pagepool.waits');
    if (!globalThis[key]) Object.defineProperty(globalThis, key, { value: new Map() });
    return new Promise((resolve, reject) => {
        let cleanUp = () => {};
        let over = false;
        const end = settle => value => {
            over = true;
            globalThis[key].delete(id);
            cleanUp();
            settle(value);
        };
        const succeed = end(resolve), fail = end(reject);
        globalThis[key].set(id, () => fail(new Error('the wait was given up')));
        const attempt = async again => {
            if (over) return;
            try {
                const result = await predicate(...args);
                if (over) return;
                result ? succeed(result) : again?.();
            } catch (error) {
                fail(error);
            }
        };
        const poll = {
            raf: () => {
                const next = () => requestAnimationFrame(() => attempt(next));
                attempt(next);
            },
            mutation: () => {
                const observer = new MutationObserver(() => attempt());
                cleanUp = () => observer.disconnect();
                attempt(() => observer.observe(root ?? document,
                    { childList: true, subtree: true, attributes: true }));
            },
        }[polling] ?? (() => {
            const timer = setInterval(() => attempt(), polling);
            cleanUp = () => clearInterval(timer);
            attempt();
        });
        poll();
    });
}";

/// The node where it is what is wanted: `visible` is `undefined` for any.
const CHECK: &str = "(node, visible) => {
    if (!node) return visible === false;
    if (visible === undefined) return node;
    const element = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
    const style = getComputedStyle(element);
    const { width, height } = element.getBoundingClientRect();
    const seen = style && !['hidden', 'collapse'].includes(style.visibility) && width && height;
    return visible === !!seen ? node : false;
}";

const STOP: &str = "id => void globalThis[Symbol.for('pagepool.waits')]?.get(id)?.()";

/// Ends the polling in the page when the wait ends early.
struct Poller {
    realm: Realm,
    id: u64,
    over: bool,
}

impl Drop for Poller {
    fn drop(&mut self) {
        if !self.over {
            #[expect(clippy::cast_precision_loss, reason = "ids stay far below 2^53")]
            let id = Argument::Number(self.id as f64);
            self.realm.evaluate(&Code::call(STOP, [id]), |_| {});
        }
    }
}

impl Frame {
    /// Waits until the function returns something truthy, and gives back a handle on it.
    ///
    /// # Errors
    /// Where it throws, takes too long or is given up.
    pub async fn wait_for_function(
        &self,
        function: &str,
        arguments: Vec<Argument>,
        mut options: WaitOptions,
    ) -> Result<RemoteObject, WaitError> {
        let (timeout, abort) = (options.timeout, options.abort.take());
        let root = options.root.as_ref().map(RemoteObject::to_argument);
        let polling = self.poll(function, &arguments, options.polling, root);
        self.wait_within(timeout, abort, polling).await
    }

    async fn wait_within<T>(
        &self,
        timeout: Option<u64>,
        abort: Option<oneshot::Receiver<()>>,
        waiting: impl Future<Output = Result<T, WaitError>>,
    ) -> Result<T, WaitError> {
        let timeout = timeout.unwrap_or_else(|| self.page().default_timeout());
        let expired = async {
            if timeout == 0 {
                return std::future::pending().await;
            }
            tokio::time::sleep(Duration::from_millis(timeout)).await;
        };
        let aborted = async {
            let was_sent = match abort {
                Some(abort) => abort.await.is_ok(),
                None => false,
            };
            if !was_sent {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            outcome = waiting => outcome,
            () = aborted => Err(WaitError::Aborted),
            () = expired => Err(WaitError::TimedOut(timeout)),
        }
    }

    async fn poll(
        &self,
        function: &str,
        arguments: &[Argument],
        polling: Polling,
        root: Option<Argument>,
    ) -> Result<RemoteObject, WaitError> {
        let declaration = POLLER.replace("PREDICATE", function);
        loop {
            let realm = self.realm().await?;
            let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
            #[expect(clippy::cast_precision_loss, reason = "ids stay far below 2^53")]
            let mut all = vec![
                Argument::Number(id as f64),
                match polling {
                    Polling::AnimationFrame => "raf".into(),
                    Polling::Mutation => "mutation".into(),
                    Polling::Interval(millis) => Argument::Number(millis),
                },
                root.clone().unwrap_or_else(Argument::null),
            ];
            all.extend_from_slice(arguments);
            let (sender, receiver) = oneshot::channel();
            let code = Code::call(declaration.clone(), all);
            // Nobody waits any more where the receiver is gone.
            realm.evaluate_handle(&code, |outcome| drop(sender.send(outcome)));
            let mut poller = Poller {
                realm,
                id,
                over: false,
            };
            let outcome = receiver.await;
            poller.over = true;
            match outcome {
                Ok(Ok(object)) => return Ok(object),
                Ok(Err(error)) if !error.is_navigation() => return Err(error.into()),
                // The next document may bring it.
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }

    async fn realm(&self) -> Result<Realm, EvaluateError> {
        let (sender, receiver) = oneshot::channel();
        self.with_realm(|realm| drop(sender.send(realm)));
        receiver.await.unwrap_or(Err(EvaluateError::NoContext))
    }

    /// Waits until the selector finds what is wanted; `None` where that is nothing.
    ///
    /// # Errors
    /// Where it takes too long, the selector is none, or the wait is given up.
    pub async fn wait_for_selector(
        &self,
        selector: &Selector,
        wanted: Wanted,
        options: WaitOptions,
    ) -> Result<Option<RemoteObject>, SelectorError> {
        let visible = match wanted {
            Wanted::Present => Argument::Undefined,
            Wanted::Visible => Argument::Bool(true),
            Wanted::Hidden => Argument::Bool(false),
        };
        let (timeout, abort) = (options.timeout, options.abort);
        let looking = self.look(selector, &visible, options.polling, options.root.as_ref());
        self.wait_within(timeout, abort, looking)
            .await
            .map_err(|source| SelectorError {
                selector: selector.text().to_owned(),
                source,
            })
    }

    async fn look(
        &self,
        selector: &Selector,
        visible: &Argument,
        polling: Polling,
        root: Option<&RemoteObject>,
    ) -> Result<Option<RemoteObject>, WaitError> {
        let helpers = self.helpers();
        let root = helpers.take_over(root).await?;
        let root = root.as_ref().map(|root| root.to_argument());
        let function = selector.with_query(&format!(
            "(root, selector, visible) => ({CHECK})(query(root ?? document, selector, false)[0], visible)"
        ));
        loop {
            let found = if selector.is_of_page() {
                let given = root.clone().unwrap_or_else(Argument::null);
                let arguments = [given, selector.into(), visible.clone()];
                helpers.poll(&function, &arguments, polling, root.clone()).await?
            } else {
                helpers.look_until(root.clone(), selector, visible).await?
            };
            if !found.is_node() {
                return Ok(None);
            }
            let context = helpers.current_context();
            match helpers.hand_over(found).await {
                Ok(found) => return Ok(Some(found)),
                // It has gone with its document; the next one may bring another.
                Err(_) if root.is_none() && helpers.current_context() != context && !self.is_detached() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Looks at each animation frame, for what the page's own code cannot find.
    async fn look_until(
        &self,
        root: Option<Argument>,
        selector: &Selector,
        visible: &Argument,
    ) -> Result<RemoteObject, WaitError> {
        const NEXT_FRAME: &str = "() => new Promise(resolve => requestAnimationFrame(resolve))";
        loop {
            let context = self.realm().await?.context;
            let looking = async {
                let found = self.find(root.clone(), selector).await?;
                let found = found.map(|found| self.temporary(found));
                let node = found
                    .as_ref()
                    .map_or_else(Argument::null, |found| found.to_argument());
                let checked = self
                    .evaluate_handle(Code::call(CHECK, [node, visible.clone()]))
                    .await?;
                let is_over = checked.object_id.is_some() || checked.value.is_true();
                if !is_over {
                    self.evaluate(Code::call(NEXT_FRAME, [])).await?;
                }
                Ok::<_, EvaluateError>(is_over.then_some(checked))
            };
            match looking.await {
                Ok(Some(found)) => return Ok(found),
                // The next document may bring it.
                Ok(None) => {}
                Err(error) if error.is_navigation() => {}
                Err(_) if self.current_context() != Some(context) && !self.is_detached() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
