//! HTTP as plain bytes: a client of tests, which can also be slow, break off, and say what is not so.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Head, in small letters.
    pub head: String,
    /// Body as it came.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}{}", self.head, String::from_utf8_lossy(&self.body)))
    }

    /// The body as text, chunks and all.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends bytes as they are and reads until the other side ends; none if it says nothing.
pub fn raw(host: &str, bytes: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(host).expect("connect");
    stream
        .set_read_timeout(Some(Duration::from_secs(120)))
        .expect("timeout");
    // The other side may have refused before all of it is sent.
    let _ = stream.write_all(bytes);
    let mut all = vec![];
    let _ = stream.read_to_end(&mut all);
    let end = all.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&all[..end]).to_ascii_lowercase();
    Some(Answer {
        status: head.split(' ').nth(1)?.parse().ok()?,
        body: all[end + 4..].to_vec(),
        head,
    })
}

/// The head of a request, without its end.
pub fn head(host: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head
}

/// A whole request.
pub fn request(
    host: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut bytes = head(host, method, path, headers).into_bytes();
    bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
    bytes.extend(body);
    raw(host, &bytes).unwrap_or_else(|| panic!("no answer to {method} {path}"))
}
