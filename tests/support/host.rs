//! A small host app.

use std::net::SocketAddr;

use pagepool::cdp::io;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What `/_standby` answers.
#[derive(Clone, Copy)]
pub enum Standby {
    /// A page that becomes ready a little after it was loaded.
    Ready,
    /// A page that never becomes ready.
    Never,
    /// This status, with a body.
    Status(u16),
    /// Nothing: the connection is accepted and left alone.
    Silence,
}

/// A server that runs until it is dropped.
pub struct Host {
    pub url: String,
    task: JoinHandle<()>,
}

impl Host {
    /// Ends the server; its address then refuses connections.
    pub async fn stop(mut self) -> String {
        self.task.abort();
        // Cancelled: the listener is closed.
        drop((&mut self.task).await);
        self.url.clone()
    }

    pub async fn start(standby: Standby) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address: SocketAddr = listener.local_addr().expect("an address");
        let task = io::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                io::spawn(answer(stream, standby));
            }
        });
        Self {
            url: format!("http://{address}"),
            task,
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const PAGE: &str = "<!doctype html><title>host</title><body><script>
  globalThis.markedBefore = globalThis.__boxelDuringPrerender === true && globalThis.__boxelRenderContext === true;
  setTimeout(() => {
    const ready = document.createElement('div');
    ready.id = 'standby-ready';
    document.body.append(ready);
  }, 10);
</script>";

async fn answer(stream: TcpStream, standby: Standby) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut request = String::new();
        loop {
            let mut line = String::new();
            match stream.read_line(&mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) if line == "\r\n" => break,
                Ok(_) => request.push_str(&line),
            }
        }
        let is_standby = request.starts_with("GET /_standby");
        let (status, body) = match standby {
            // Only full Chrome asks for it, and reports a status of 404 as an error of the page.
            _ if request.starts_with("GET /favicon.ico") => (204, ""),
            _ if !is_standby => (404, "nothing here"),
            Standby::Ready => (200, PAGE),
            Standby::Never => (200, "<!doctype html><title>never</title>"),
            Standby::Status(status) => (status, "not now"),
            Standby::Silence => std::future::pending().await,
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if stream
            .write_all(format!("{head}{body}").as_bytes())
            .await
            .is_err()
        {
            return;
        }
    }
}
