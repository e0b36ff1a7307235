//! A proxy before a node that answers some requests otherwise, as nodes and providers do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use alloy::consensus::TxEnvelope;
use alloy::eips::eip2718::Decodable2718;
use serde_json::{Value, json};

/// What to answer.
pub enum Answer {
    /// What the node says.
    Node,
    /// Another result.
    Result(Value),
    /// An error of JSON-RPC.
    Error(i64, &'static str),
    /// A status, with a body that is no JSON.
    Http(u16),
    /// Nothing: the connection ends.
    Nothing,
}

/// A request and how to ask the node.
pub struct Request<'a> {
    pub method: &'a str,
    pub params: &'a Value,
    upstream: &'a str,
}

impl Request<'_> {
    /// The node's result.
    pub fn forward(&self) -> Value {
        ask(self.upstream, self.method, self.params)["result"].clone()
    }
}

/// A running proxy; it ends with the process.
pub struct Proxy {
    pub url: String,
    /// Method and parameters of every request, in order.
    seen: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Proxy {
    pub fn start(
        upstream: &str,
        answer: impl FnMut(&Request<'_>) -> Answer + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let (requests, upstream) = (seen.clone(), upstream.to_string());
        let answer = Arc::new(Mutex::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (requests, upstream, answer) =
                    (requests.clone(), upstream.clone(), answer.clone());
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(body) = body(&mut stream) else {
                        return;
                    };
                    let request: Value = serde_json::from_slice(&body).unwrap();
                    let method = request["method"].as_str().unwrap();
                    let params = &request["params"];
                    let seen = (method.to_string(), params.clone());
                    requests.lock().unwrap().push(seen);
                    let asked = Request {
                        method,
                        params,
                        upstream: &upstream,
                    };
                    let answer = (*answer.lock().unwrap())(&asked);
                    let id = &request["id"];
                    let reply = match answer {
                        Answer::Node => {
                            let mut reply = ask(&upstream, method, params);
                            reply["id"] = id.clone();
                            reply
                        }
                        Answer::Result(result) => {
                            json!({"jsonrpc": "2.0", "id": id, "result": result})
                        }
                        Answer::Error(code, message) => json!({
                            "jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}
                        }),
                        Answer::Http(status) => return reply(&mut stream, status, "busy"),
                        Answer::Nothing => return,
                    };
                    self::reply(&mut stream, 200, &reply.to_string());
                });
            }
        });
        Self { url, seen }
    }

    /// Parameters of all requests of a method.
    pub fn requests(&self, method: &str) -> Vec<Value> {
        let seen = self.seen.lock().unwrap();
        let of_method = seen.iter().filter(|(name, _)| name == method);
        of_method.map(|(_, params)| params.clone()).collect()
    }

    /// The transactions sent through it.
    pub fn sent(&self) -> Vec<TxEnvelope> {
        let raw = self.requests("eth_sendRawTransaction");
        raw.iter().map(|params| decode(&params[0])).collect()
    }
}

/// A transaction as it is sent.
pub fn decode(raw: &Value) -> TxEnvelope {
    let bytes = hex::decode(raw.as_str().unwrap().trim_start_matches("0x")).unwrap();
    TxEnvelope::decode_2718(&mut bytes.as_slice()).unwrap()
}

/// A node's whole answer to one request.
pub fn ask(url: &str, method: &str, params: &Value) -> Value {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    serde_json::from_slice(&self::body(&mut stream).unwrap()).unwrap()
}

/// The body of an HTTP message with a length.
fn body(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

fn reply(stream: &mut TcpStream, status: u16, body: &str) {
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}
