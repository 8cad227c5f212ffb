//! The websocket of a Chrome that somebody else started.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::ConnectError;
use super::connection::Shared;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(super) async fn connect(endpoint: &str, deadline: Duration) -> Result<Socket, ConnectError> {
    // Screenshots and captures come as one message, of any size.
    let config = WebSocketConfig::default()
        .max_message_size(None)
        .max_frame_size(None);
    let connecting = connect_async_with_config(endpoint, Some(config), true);
    match tokio::time::timeout(deadline, connecting).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(source)) => Err(ConnectError::WebSocket {
            endpoint: endpoint.to_owned(),
            source: Box::new(source),
        }),
        Err(_) => Err(ConnectError::TimedOut {
            endpoint: endpoint.to_owned(),
            after: deadline,
        }),
    }
}

/// Reads messages until the other end closes.
pub(super) async fn read(shared: Arc<Shared>, mut stream: SplitStream<Socket>) {
    while let Some(message) = stream.next().await {
        if let Ok(message) = &message {
            shared.hear(message.len());
        }
        shared.hold_up().await;
        let was_heard = match message {
            Ok(Message::Text(text)) => shared.receive(text.as_bytes()),
            Ok(Message::Binary(bytes)) => shared.receive(&bytes),
            Ok(Message::Close(_)) => return,
            Ok(_) => false,
            Err(error) => {
                tracing::debug!(%error, "the websocket broke");
                return;
            }
        };
        if was_heard {
            // As for the pipe: whoever was told goes on first.
            tokio::task::yield_now().await;
        }
    }
}

/// Writes messages until the connection closes.
pub(super) async fn write(
    mut messages: mpsc::UnboundedReceiver<String>,
    mut sink: SplitSink<Socket, Message>,
) {
    while let Some(message) = messages.recv().await {
        if let Err(error) = sink.send(Message::text(message)).await {
            tracing::debug!(%error, "cannot write to the websocket");
            return;
        }
    }
}
