//! A Chrome that is the test.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write, pipe};
use std::sync::mpsc;

use serde_json::{Value, json};

use super::{Connection, Deadline, Limits};

/// The other end of the pipe.
pub(crate) struct Chrome {
    says: PipeWriter,
    hears: BufReader<PipeReader>,
}

impl Chrome {
    pub(crate) fn start() -> (Self, Connection) {
        Self::start_with(Limits::default())
    }

    pub(crate) fn start_with(limits: Limits) -> (Self, Connection) {
        let (receiver, says) = pipe().expect("a pipe");
        let (hears, sender) = pipe().expect("a pipe");
        let connection = Connection::over_pipe(receiver.into(), sender.into(), limits).expect("a connection");
        (
            Self {
                says,
                hears: BufReader::new(hears),
            },
            connection,
        )
    }

    pub(crate) fn say(&mut self, message: &str) {
        self.says.write_all(message.as_bytes()).expect("a reader");
        self.says.write_all(&[0]).expect("a reader");
    }

    pub(crate) fn say_part(&mut self, part: &str) {
        self.says.write_all(part.as_bytes()).expect("a reader");
    }

    pub(crate) fn hear(&mut self) -> Value {
        serde_json::from_slice(&self.hear_unread()).expect("a command is JSON")
    }

    /// Hears a command that may be too deep to be read.
    pub(crate) fn hear_unread(&mut self) -> Vec<u8> {
        let mut message = Vec::new();
        self.hears.read_until(0, &mut message).expect("a command");
        assert_eq!(message.pop(), Some(0), "a command ends with its NUL");
        message
    }

    pub(crate) fn attach(&mut self, session: &str, target: &str, through: Option<&str>) {
        let mut event = json!({ "method": "Target.attachedToTarget", "params": {
            "sessionId": session, "targetInfo": { "targetId": target, "type": "page" } } });
        if let Some(through) = through {
            event["sessionId"] = through.into();
        }
        self.say(&event.to_string());
    }
}

/// Waits until the connection has read what Chrome said so far.
pub(crate) fn settle(chrome: &mut Chrome, connection: &Connection) {
    let (done, wait) = mpsc::channel();
    connection
        .browser()
        .call("Test.settle", json!({}), Deadline::Protocol, move |_| {
            done.send(()).expect("a waiter");
        });
    loop {
        let command = chrome.hear();
        if command["method"] == "Test.settle" {
            chrome.say(&json!({ "id": command["id"], "result": {} }).to_string());
            break;
        }
    }
    wait.recv().expect("an answer");
}
