//! A picture of all that a page's scripts keep.

use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::mpsc;

use serde::Deserialize;
use serde_json::json;

use crate::cdp::CallError;

use super::decode::borrow_event;
use super::page::{Page, send};

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum HeapSnapshotError {
    /// It could not be written to its file.
    #[error("the heap snapshot cannot be written: {0}")]
    Write(#[from] std::io::Error),
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    chunk: std::borrow::Cow<'a, str>,
}

impl Page {
    /// Collects what is garbage, and writes the heap of the page's renderer to a file as V8's JSON.
    ///
    /// # Errors
    /// Where the file cannot be written, or as any command.
    pub async fn capture_heap_snapshot(&self, path: &Path) -> Result<(), HeapSnapshotError> {
        let path = path.to_owned();
        // Off this thread, which all pages share: a path may be on a disk that does not answer, or a pipe.
        let opening = tokio::task::spawn_blocking(move || std::fs::File::create(path));
        let mut file = BufWriter::new(opening.await.map_err(std::io::Error::other)??);
        let (sender, chunks) = mpsc::channel::<String>();
        // Off the reader's thread: a heap has hundreds of megabytes. It ends with the sender.
        let writing = tokio::task::spawn_blocking(move || {
            for chunk in chunks {
                file.write_all(chunk.as_bytes())?;
            }
            file.flush()
        });
        let session = self.session();
        let listener = session.on("HeapProfiler.addHeapSnapshotChunk", move |params| {
            if let Some(event) = borrow_event::<Chunk<'_>>(params) {
                // The writer is gone only where the disk has refused a chunk, which it tells.
                drop(sender.send(event.chunk.into_owned()));
            }
        });
        let taken = async {
            send(session, "HeapProfiler.enable", json!({})).await?;
            send(session, "HeapProfiler.collectGarbage", json!({})).await?;
            let params = json!({ "reportProgress": false });
            send(session, "HeapProfiler.takeHeapSnapshot", params).await
        }
        .await;
        drop(listener);
        let disabled = send(session, "HeapProfiler.disable", json!({})).await;
        let written = writing.await.map_err(std::io::Error::other)?;
        taken?;
        disabled?;
        Ok(written?)
    }
}
