//! A small web server with the pages that the tests look at.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Serves until it is dropped.
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Ends with its connection.
                tokio::spawn(serve(stream));
            }
        });
        Self { address, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&buffer[..count]),
        }
    }
    let request = String::from_utf8_lossy(&request);
    let path = request.split(' ').nth(1).unwrap_or("/");
    let (status, body) = match path {
        "/page" => ("200 OK", "<title>Page</title><h1>Hello</h1>"),
        "/frames" => (
            "200 OK",
            "<title>Frames</title><iframe name=inner src=/page></iframe>",
        ),
        "/events" => (
            "200 OK",
            "<title>Events</title><script>console.log('hello', 1); setTimeout(() => { throw new Error('late'); })</script>",
        ),
        "/redirect" => ("302 Found", ""),
        "/hang" => return std::future::pending().await,
        _ => ("404 Not Found", "<title>Missing</title>"),
    };
    let location = if path == "/redirect" {
        "Location: /page\r\n"
    } else {
        ""
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nX-Test: yes\r\n{location}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // The browser may have hung up.
    let _ = stream.write_all(answer.as_bytes()).await;
}
