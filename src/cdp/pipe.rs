//! `--remote-debugging-pipe`: messages end with a NUL.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::Notify;

use super::connection::Shared;
use super::dropped::Dropped;

const CHUNK: usize = 64 * 1024;
/// A buffer that one huge message made larger than this is given back.
const KEPT_CAPACITY: usize = 1024 * 1024;

/// Reads messages until the other end closes.
pub(super) async fn read(shared: Arc<Shared>, mut receiver: pipe::Receiver) {
    let mut buffer = Vec::with_capacity(CHUNK);
    let mut searched = 0;
    let mut dropping: Option<Dropped> = None;
    loop {
        buffer.reserve(CHUNK);
        match receiver.read_buf(&mut buffer).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(%error, "the debugging pipe broke");
                return;
            }
        }
        let partial = buffer.len() + dropping.as_ref().map_or(0, |dropped| dropped.bytes);
        shared.hear(partial);
        let mut start = 0;
        if let Some(mut dropped) = dropping.take() {
            let end = memchr::memchr(0, &buffer);
            dropped.swallow(&buffer[..end.unwrap_or(buffer.len())]);
            let Some(end) = end else {
                buffer.clear();
                dropping = Some(dropped);
                continue;
            };
            if shared.drop_message(&dropped) {
                tokio::task::yield_now().await;
            }
            start = end + 1;
        }
        while let Some(length) = memchr::memchr(0, &buffer[start.max(searched)..]) {
            let end = start.max(searched) + length;
            shared.hold_up().await;
            if shared.receive(&buffer[start..end]) {
                // Whoever was told goes on before anybody hears of what Chrome said later.
                tokio::task::yield_now().await;
            }
            start = end + 1;
        }
        buffer.drain(..start);
        if buffer.len() > shared.max_message_bytes() {
            dropping = Some(Dropped::new(&buffer));
            buffer.clear();
        }
        searched = buffer.len();
        if buffer.is_empty() && buffer.capacity() > KEPT_CAPACITY {
            buffer = Vec::with_capacity(CHUNK);
        }
    }
}

/// Writes on the caller's thread as long as the pipe takes it, which spares a hop; a task writes the rest.
pub(super) struct PipeWriter {
    sender: pipe::Sender,
    backlog: Mutex<Vec<u8>>,
    more: Notify,
}

impl PipeWriter {
    pub fn new(sender: pipe::Sender) -> Self {
        Self {
            sender,
            backlog: Mutex::new(Vec::new()),
            more: Notify::new(),
        }
    }

    /// Sends the message, which ends with its NUL. A broken pipe shows on the reading side.
    pub fn write(&self, message: &[u8]) {
        let mut backlog = self.backlog.lock().unwrap_or_else(PoisonError::into_inner);
        if backlog.is_empty() {
            match self.write_now(message) {
                Ok(written) if written == message.len() => return,
                Ok(written) => backlog.extend_from_slice(&message[written..]),
                Err(error) => {
                    tracing::debug!(%error, "cannot write to the debugging pipe");
                    return;
                }
            }
            self.more.notify_one();
        } else {
            backlog.extend_from_slice(message);
        }
    }

    fn write_now(&self, message: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        while written < message.len() {
            match self.sender.try_write(&message[written..]) {
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    /// Writes what [`Self::write`] could not.
    pub async fn drain(&self) {
        loop {
            self.more.notified().await;
            loop {
                if self.sender.writable().await.is_err() {
                    return;
                }
                let mut backlog = self.backlog.lock().unwrap_or_else(PoisonError::into_inner);
                match self.write_now(&backlog) {
                    Ok(written) => drop(backlog.drain(..written)),
                    Err(_) => return,
                }
                if backlog.is_empty() {
                    break;
                }
            }
        }
    }
}
