//! Choosers of files that a page opens.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::cdp::{CallError, Deadline, Session};

use super::decode::decode_event;
use super::error::EvaluateError;
use super::evaluate::{Code, release};
use super::frame::Frame;
use super::page::{Page, send};
use super::value::RemoteObject;

/// Why no file was chosen.
#[derive(Debug, thiserror::Error)]
pub enum FileChooserError {
    /// None was opened in time.
    #[error("Waiting for `FileChooser` failed: {0}ms exceeded")]
    TimedOut(u64),
    /// The page went away.
    #[error("Page closed!")]
    Closed,
    /// Its renderer died.
    #[error("Page crashed!")]
    Crashed,
    /// The caller has given up.
    #[error("aborted")]
    Aborted,
    /// It was accepted or cancelled before.
    #[error("Cannot {0} FileChooser which is already handled!")]
    Handled(&'static str),
    /// It takes one file.
    #[error("Multiple file uploads only work with <input type=file multiple>")]
    NotMultiple,
    /// The document did not take it.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A chooser that the page has opened, and that Chrome does not show.
pub struct FileChooser {
    frame: Frame,
    input: RemoteObject,
    is_multiple: bool,
    handled: AtomicBool,
}

impl FileChooser {
    /// Whether it takes several files.
    #[must_use]
    pub fn is_multiple(&self) -> bool {
        self.is_multiple
    }

    fn handle(&self, what: &'static str) -> Result<(), FileChooserError> {
        if self.handled.swap(true, Ordering::AcqRel) {
            return Err(FileChooserError::Handled(what));
        }
        Ok(())
    }

    /// Chooses these files.
    ///
    /// # Errors
    /// Where it was handled before, or does not take so many.
    pub async fn accept(&self, files: Vec<PathBuf>) -> Result<(), FileChooserError> {
        self.handle("accept")?;
        self.frame.choose_files(&self.input, files).await
    }

    /// Chooses nothing: the page hears of it.
    ///
    /// # Errors
    /// Where it was handled before.
    pub async fn cancel(&self) -> Result<(), FileChooserError> {
        const CANCEL: &str = "input => void input.dispatchEvent(new Event('cancel', { bubbles: true }))";
        self.handle("cancel")?;
        let code = Code::call(CANCEL, [self.input.to_argument()]);
        self.frame.evaluate(code).await?;
        Ok(())
    }
}

impl Drop for FileChooser {
    fn drop(&mut self) {
        if let Some(id) = &self.input.object_id {
            release(&self.frame.session(), id);
        }
    }
}

type Waiter = oneshot::Sender<Result<Arc<FileChooser>, FileChooserError>>;

/// Who waits for a chooser to be opened.
#[derive(Default)]
pub(super) struct FileChoosers {
    waiters: Mutex<Vec<Waiter>>,
    intercepted: AtomicBool,
}

impl FileChoosers {
    fn lock(&self) -> MutexGuard<'_, Vec<Waiter>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Opened {
    frame_id: String,
    mode: String,
    backend_node_id: Option<i64>,
}

impl Page {
    /// Waits until the page opens a chooser; `timeout` in milliseconds, 0 for none. Default: the page's.
    ///
    /// # Errors
    /// Where none is opened in time, or the page goes away.
    pub async fn file_chooser(
        &self,
        timeout: Option<u64>,
        abort: Option<oneshot::Receiver<()>>,
    ) -> Result<Arc<FileChooser>, FileChooserError> {
        let (sender, receiver) = oneshot::channel();
        self.0.file_choosers.lock().push(sender);
        let intercepting = self.intercept_file_choosers();
        let timeout = timeout.unwrap_or_else(|| self.default_timeout());
        let limit = async {
            if timeout == 0 {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_millis(timeout)).await;
        };
        let aborted = async {
            let is_aborted = match abort {
                Some(abort) => abort.await.is_ok(),
                None => false,
            };
            if !is_aborted {
                std::future::pending::<()>().await;
            }
        };
        let opened = async {
            intercepting.await?;
            // The page keeps the sender until it is used.
            receiver.await.unwrap_or(Err(FileChooserError::Closed))
        };
        let outcome = tokio::select! {
            biased;
            opened = opened => opened,
            _ = self.session().closed() => Err(FileChooserError::Closed),
            () = self.crash() => Err(FileChooserError::Crashed),
            () = aborted => Err(FileChooserError::Aborted),
            () = limit => Err(FileChooserError::TimedOut(timeout)),
        };
        self.0.file_choosers.lock().retain(|waiter| !waiter.is_closed());
        outcome
    }

    /// Keeps Chrome from showing choosers, in the frames of other processes too.
    fn intercept_file_choosers(&self) -> impl Future<Output = Result<(), CallError>> + use<> {
        let sent = (!self.0.file_choosers.intercepted.swap(true, Ordering::AcqRel)).then(|| {
            let params = json!({ "enabled": true });
            self.send_to_all("Page.setInterceptFileChooserDialog", &params)
        });
        async move {
            match sent {
                Some(sent) => sent.done().await,
                None => Ok(()),
            }
        }
    }

    pub(super) fn observe_file_choosers(&self, session: &Session) {
        self.listen_to(session, &[("Page.fileChooserOpened", Self::on_file_chooser)]);
        if self.0.file_choosers.intercepted.load(Ordering::Acquire) {
            let params = json!({ "enabled": true });
            session.call(
                "Page.setInterceptFileChooserDialog",
                params,
                Deadline::Protocol,
                |_| {},
            );
        }
    }

    fn on_file_chooser(&self, _: &Session, params: &RawValue) {
        let waiters = std::mem::take(&mut *self.0.file_choosers.lock());
        if waiters.is_empty() {
            return;
        }
        let Some(opened) = decode_event::<Opened>(params) else {
            return;
        };
        let (Some(frame), Some(node)) = (self.frame(&opened.frame_id), opened.backend_node_id) else {
            // Not of an input, as those of `showOpenFilePicker`, which cannot be handled; or of a frame that has left.
            *self.0.file_choosers.lock() = waiters;
            return;
        };
        let is_multiple = opened.mode != "selectSingle";
        // Ends with the answer of Chrome, or with the session.
        crate::cdp::io::spawn(async move {
            match frame.adopt(node).await {
                Ok(input) => {
                    let handled = AtomicBool::new(false);
                    let chooser = Arc::new(FileChooser {
                        frame,
                        input,
                        is_multiple,
                        handled,
                    });
                    for waiter in waiters {
                        // Nobody waits any more where the receiver is gone.
                        drop(waiter.send(Ok(Arc::clone(&chooser))));
                    }
                }
                Err(error) => {
                    let mut error = Some(error);
                    for waiter in waiters {
                        let outcome = error.take().map_or(FileChooserError::Closed, Into::into);
                        drop(waiter.send(Err(outcome)));
                    }
                }
            }
        });
    }
}

impl Frame {
    /// Puts files into a file input.
    ///
    /// # Errors
    /// Where it is none, or does not take so many.
    pub async fn choose_files(
        &self,
        input: &RemoteObject,
        files: Vec<PathBuf>,
    ) -> Result<(), FileChooserError> {
        const CLEAR: &str = "input => {
            input.files = new DataTransfer().files;
            input.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
            input.dispatchEvent(new Event('change', { bubbles: true }));
        }";
        if files.len() > 1 {
            let code = Code::call("input => input.multiple", [input.to_argument()]);
            if !self.evaluate(code).await?.is_true() {
                return Err(FileChooserError::NotMultiple);
            }
        }
        if files.is_empty() {
            // Chrome's command changes nothing then.
            self.evaluate(Code::call(CLEAR, [input.to_argument()])).await?;
            return Ok(());
        }
        let files: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
        let params = json!({ "files": files, "objectId": input.object_id.as_deref() });
        send(&self.session(), "DOM.setFileInputFiles", params).await?;
        Ok(())
    }
}
