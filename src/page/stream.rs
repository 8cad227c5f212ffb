//! Data that Chrome hands over piece by piece.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::json;

use crate::cdp::{CallError, Session};

use super::decode::decode;
use super::page::send;

/// A stream of Chrome, to be read to its end or closed.
#[derive(Clone)]
pub struct Stream {
    session: Session,
    handle: String,
}

/// Why there is no more to read.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// It is not the base64 that it should be.
    #[error("a piece of the stream is not valid base64")]
    Encoding,
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// One piece of a stream.
pub struct Piece {
    /// Its bytes; none in a last piece that only says so.
    pub bytes: Vec<u8>,
    /// Whether the stream has ended, and is closed.
    pub is_last: bool,
}

impl Stream {
    pub(super) fn new(session: &Session, handle: String) -> Self {
        Self {
            session: session.clone(),
            handle,
        }
    }

    /// Reads the next piece.
    ///
    /// # Errors
    /// As any command.
    pub async fn read(&self) -> Result<Piece, StreamError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Read {
            data: String,
            #[serde(default)]
            base64_encoded: bool,
            eof: bool,
        }
        let method = "IO.read";
        let answer = send(&self.session, method, json!({ "handle": self.handle })).await?;
        let read: Read = decode(method, answer.get())?;
        if read.eof {
            self.close();
        }
        let bytes = if read.base64_encoded {
            BASE64.decode(read.data).map_err(|_| StreamError::Encoding)?
        } else {
            read.data.into_bytes()
        };
        Ok(Piece {
            bytes,
            is_last: read.eof,
        })
    }

    /// Reads all that is left.
    ///
    /// # Errors
    /// As any command.
    pub async fn read_all(&self) -> Result<Vec<u8>, StreamError> {
        let mut all = Vec::new();
        loop {
            let piece = self.read().await?;
            all.extend(piece.bytes);
            if piece.is_last {
                return Ok(all);
            }
        }
    }

    /// Lets Chrome forget it. Nobody waits for the answer: it goes with its page anyway.
    pub fn close(&self) {
        drop(send(&self.session, "IO.close", json!({ "handle": self.handle })));
    }
}
