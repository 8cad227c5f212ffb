//! Commands that go to several sessions, or one after another, before any is answered.

use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::timeout;

use crate::cdp::{Call, CallError, Session};

use super::page::{Page, send};

/// How long the frames of other processes may take to answer a command of the page's before it goes on without them.
pub(super) const FRAME_PATIENCE: Duration = Duration::from_millis(500);

/// A command that is on its way.
pub(super) type Sent = Call<Box<RawValue>>;

/// Waits for the answers, in order, up to the first failure.
pub(super) async fn all(calls: Vec<Sent>) -> Result<(), CallError> {
    for call in calls {
        call.await?;
    }
    Ok(())
}

/// Commands that went to the page and to its frames in other processes.
#[must_use = "the commands are sent, but their failure would go unnoticed"]
#[derive(Default)]
pub(super) struct Broadcast {
    own: Vec<Sent>,
    /// Of frames, any of which may leave before it answers.
    frames: Vec<Sent>,
    workers: Vec<Sent>,
}

impl Broadcast {
    /// Also waits for what went to a worker, which may end, and may not know the command.
    pub fn add_of_worker(&mut self, calls: Vec<Sent>) {
        self.workers.extend(calls);
    }

    /// Waits for the answers, not for long for those of frames: one that computes takes the command when it can, and
    /// before anything that it is told later. That a frame is gone is no failure of the page's, and what a worker
    /// answers is none.
    pub async fn done(self) -> Result<(), CallError> {
        all(self.own).await?;
        let frames = async {
            for call in self.frames {
                match call.await {
                    Err(error) if !error.is_gone() => return Err(error),
                    _ => {}
                }
            }
            Ok(())
        };
        if let Ok(failed) = timeout(FRAME_PATIENCE, frames).await {
            failed?;
        }
        for call in self.workers {
            drop(call.await);
        }
        Ok(())
    }

    /// The same, where frames may refuse what their page does not.
    pub async fn done_with_page(self) -> Result<(), CallError> {
        all(self.own).await?;
        let frames = async {
            for call in self.frames {
                drop(call.await);
            }
        };
        // Those that compute take it when they can.
        let _ = timeout(FRAME_PATIENCE, frames).await;
        Ok(())
    }

    /// Waits for both.
    pub fn and(mut self, other: Self) -> Self {
        self.own.extend(other.own);
        self.frames.extend(other.frames);
        self.workers.extend(other.workers);
        self
    }
}

impl Page {
    /// Sends to the page and to every frame in another process, at once, what `commands` makes for the session.
    pub(super) fn broadcast(
        &self,
        sessions: &[Session],
        mut commands: impl FnMut(&Session) -> Vec<Sent>,
    ) -> Broadcast {
        let mut sent = Broadcast::default();
        for session in sessions {
            let calls = commands(session);
            if session.id() == self.session().id() {
                sent.own.extend(calls);
            } else {
                sent.frames.extend(calls);
            }
        }
        sent
    }

    /// Sends one command to these sessions.
    pub(super) fn send_to(&self, sessions: &[Session], method: &'static str, params: &Value) -> Broadcast {
        self.broadcast(sessions, |session| vec![send(session, method, params.clone())])
    }

    /// Sends one command to the page and to every frame in another process.
    pub(super) fn send_to_all(&self, method: &'static str, params: &Value) -> Broadcast {
        self.send_to(&self.sessions(), method, params)
    }
}
