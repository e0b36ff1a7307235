//! `laminate serve` as a service: jobs that survive a kill, one submission a statement, and everything that is refused.

#[path = "../src/chain/tests/anvil.rs"]
mod anvil;
mod http;
mod user;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anvil::{Anvil, KEY};
use http::{Answer, head, raw, request};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use user::{User, workspace};

const ALICE: (&str, &str) = ("Authorization", "Bearer key of alice");
const BOB: (&str, &str) = ("Authorization", "Bearer key of bob");
const CSV: (&str, &str) = ("Content-Type", "text/csv");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const LAMINATE: (&str, &str) = ("Content-Type", "application/octet-stream");
/// Long enough for a proof on a busy machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// A server, killed with the value.
struct Server {
    child: Child,
    host: String,
    report: Value,
}

impl Server {
    fn start(user: &User, arguments: &[&str]) -> Self {
        let log = File::options()
            .create(true)
            .append(true)
            .open(user.dir.path().join("log"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_laminate"))
            .current_dir(user.dir.path())
            .env("LAMINATE_CACHE", user.dir.path().join("cache"))
            .env("LAMINATE_PRIVATE_KEY", KEY)
            .args(["--json", "serve", "fraud", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(log.expect("log"))
            .spawn()
            .expect("server");
        let lines = BufReader::new(child.stdout.take().expect("output")).lines();
        let mut text = String::new();
        for line in lines.map_while(Result::ok) {
            text += &line;
            if line == "}" {
                break;
            }
        }
        let report: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let listening = report["listening"].as_str().expect("address");
        Self {
            child,
            host: listening.trim_start_matches("http://").to_owned(),
            report,
        }
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        request(&self.host, method, path, headers, body)
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[ALICE], b"")
    }

    /// What must be accepted; the job.
    fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Value {
        let answer = self.ask("POST", path, &[headers, &[ALICE]].concat(), body);
        assert_eq!(answer.status, 202, "{}", answer.text());
        let job = answer.json();
        let place = format!("location: /v1/jobs/{}", job["id"].as_str().expect("id"));
        assert!(answer.head.contains(&place), "{}", answer.head);
        job
    }

    /// What must be refused with a problem.
    fn refused(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        status: u16,
        expected: &str,
    ) {
        let answer = self.ask("POST", path, headers, body);
        problem(&answer, status, expected);
    }

    /// Waits until a job is in a state.
    fn wait(&self, job: &Value, state: &str) -> Value {
        let begun = Instant::now();
        loop {
            let now = self.get(&path(job)).json();
            if now["state"] == state {
                return now;
            }
            assert!(now["done"] == false && begun.elapsed() < PATIENCE, "{now}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn terminate(mut self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .arg(&pid)
                .status()
                .expect("kill")
                .success()
        );
        assert!(self.child.wait().expect("end").success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn path(job: &Value) -> String {
    format!("/v1/jobs/{}", job["id"].as_str().expect("id"))
}

fn problem(answer: &Answer, status: u16, expected: &str) {
    let text = answer.text();
    assert_eq!(answer.status, status, "{text}");
    assert!(
        answer.head.contains("application/problem+json"),
        "{}",
        answer.head
    );
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    let detail = problem["detail"].as_str().expect("detail");
    assert!(
        detail.contains(expected),
        "expected {expected:?} in {detail}"
    );
    // Nothing of the server's folders.
    assert!(!detail.contains(".inputs"), "{detail}");
}

/// A model with keys and a registry that takes its proofs.
fn prepare(user: &User, anvil: &Anvil) {
    let models = workspace().join("models/fraud");
    let file = |name: &str| models.join(name).to_string_lossy().into_owned();
    let (model, calibration) = (file("fraud.onnx"), file("calibration.csv"));
    user.accepted(&[
        "compile",
        &model,
        "--calibration",
        &calibration,
        "-o",
        "fraud",
    ]);
    user.accepted(&["commit", "fraud", "--dev-srs"]);
    user.accepted(&["setup", "fraud", "--dev-srs"]);
    user.accepted(&["verifier", "fraud", "-o", "contracts"]);
    user.accepted(&["deploy", "contracts", "--rpc-url", &anvil.url]);
    user.accepted(&["register", "fraud", "--rpc-url", &anvil.url]);
    user.accepted(&[
        "input",
        "commit",
        "fraud",
        "--input",
        &file("legit.csv"),
        "-o",
        "row.input",
    ]);
    let line = |name: &str| {
        let hash = Sha256::digest(format!("key of {name}"));
        format!("{name} {}\n", hex::encode(hash))
    };
    let keys = line("alice") + &line("bob");
    std::fs::write(user.dir.path().join("keys"), keys).expect("keys");
}

fn inputs(user: &User) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(user.dir.path().join("jobs.db.inputs")).expect("inputs");
    folder.map(|entry| entry.expect("entry").path()).collect()
}

/// Transactions of the account in blocks.
fn sent(anvil: &Anvil) -> Value {
    let host = anvil.url.trim_start_matches("http://");
    let account = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_getTransactionCount", "params": [account, "latest"]});
    let body = body.to_string();
    request(host, "POST", "/", &[JSON], body.as_bytes()).json()["result"].clone()
}

#[test]
fn a_service_loses_no_job_and_sends_none_twice() {
    let Some(user) = User::new() else { return };
    let Some(anvil) = Anvil::start(31337) else {
        return;
    };
    prepare(&user, &anvil);
    let row = std::fs::read(workspace().join("models/fraud/fraud.csv")).expect("row");
    let committed = std::fs::read(user.dir.path().join("row.input")).expect("input");
    let before = sent(&anvil);

    let arguments = [
        "--api-keys",
        "keys",
        "--deployment",
        "deployment.json",
        "--rpc-url",
        &anvil.url,
        "--queue",
        "2",
        "--max-body",
        "65536",
        "--patience",
        "1",
        "--max-connections",
        "8",
    ];
    let server = Server::start(&user, &arguments);
    assert_eq!(server.report["models"][0]["name"], "fraud");
    assert_eq!(
        server.get("/v1/models").json()["models"],
        server.report["models"]
    );

    // One that is proven, to be killed, and two that wait. The first is asked for twice.
    let named = ("Idempotency-Key", "payment 1");
    let to = "/v1/jobs?model=fraud&submit=true";
    let first = server.post(to, &[CSV, named], &row);
    server.wait(&first, "proving");
    assert_eq!(server.post(to, &[CSV, named], &row)["id"], first["id"]);
    let other = [&row[..], b"\n"].concat();
    server.refused(to, &[CSV, named, ALICE], &other, 422, "another request");
    let body = json!({ "model": "fraud", "csv": String::from_utf8(row.clone()).expect("text") })
        .to_string();
    let second = server.post("/v1/jobs", &[JSON], body.as_bytes());
    let third = server.post(to, &[LAMINATE], &committed);
    let full = server.ask("POST", to, &[CSV, ALICE], &row);
    problem(&full, 429, "2 jobs wait already");
    assert!(full.head.contains("retry-after: "), "{}", full.head);
    let stored = inputs(&user);
    assert_eq!(stored.len(), 3, "{stored:?}");
    private(&stored);
    assert_eq!(server.get(&path(&first)).json()["state"], "proving");
    drop(server);

    // Killed. The next one goes on.
    let server = Server::start(&user, &arguments);
    refusals(&server, &row);
    let another = ["serve", "fraud", "--listen", "127.0.0.1:0"];
    user.refused(&another, "another server has the jobs");
    let first = server.wait(&first, "submitted");
    assert_eq!(first["attempts"], 2, "{first}");
    let second = server.wait(&second, "proven");
    let third = server.wait(&third, "submitted");
    assert_eq!(inputs(&user), Vec::<PathBuf>::new());
    assert_eq!(server.get(&path(&second)).json()["done"], true);
    problem(
        &server.ask("GET", &path(&first), &[BOB], b""),
        404,
        "there is no job",
    );
    for job in [&first, &second, &third] {
        let x = job["input_commitment"].as_str().expect("X");
        let proof = server.get(&format!("{}/proof", path(job)));
        assert_eq!(proof.status, 200);
        std::fs::write(user.dir.path().join("p.proof"), &proof.body).expect("proof");
        user.accepted(&["verify", "p.proof", "--input-commitment", x]);
    }
    let two = |count: &Value| -> u64 {
        let digits = count.as_str().expect("count").trim_start_matches("0x");
        u64::from_str_radix(digits, 16).expect("number")
    };
    assert_eq!(two(&sent(&anvil)), two(&before) + 2);
    again(&server, &committed, &third);
    assert_eq!(
        two(&sent(&anvil)),
        two(&before) + 2,
        "a statement counts once"
    );

    let counts = server.get("/metrics").text();
    for expected in [
        "laminate_jobs{state=\"submitted\"} 3",
        "laminate_proving_seconds_count 4",
    ] {
        assert!(counts.contains(expected), "{expected}: {counts}");
    }
    server.terminate();
    let log = std::fs::read_to_string(user.dir.path().join("log")).expect("log");
    let values = String::from_utf8_lossy(&row);
    let value = values
        .split([',', '\n'])
        .find(|v| v.len() > 6 && v.contains('.'));
    assert!(
        !log.contains(value.expect("a value")) && !log.contains("key of"),
        "{log}"
    );
    assert!(log.contains(first["id"].as_str().expect("id")), "{log}");
}

/// The same statement again: its stages are told, another that waits is taken back, and nothing is sent.
fn again(server: &Server, committed: &[u8], third: &Value) {
    let to = "/v1/jobs?model=fraud&submit=true";
    let job = server.post(to, &[LAMINATE], committed);
    assert_eq!(job["input_commitment"], third["input_commitment"]);
    let waits = server.post("/v1/jobs?model=fraud", &[LAMINATE], committed);
    let cancelled = server.ask("DELETE", &path(&waits), &[ALICE], b"");
    assert_eq!(cancelled.json()["state"], "cancelled");
    problem(
        &server.ask("DELETE", &path(&waits), &[ALICE], b""),
        409,
        "only a queued one",
    );
    problem(
        &server.get(&format!("{}/proof", path(&waits))),
        409,
        "has no proof",
    );
    let told = server.get(&format!("{}/events", path(&job))).text();
    for expected in [
        "event: progress",
        "\"stage\":\"Proving\"",
        "\"state\":\"proven\"",
        "\"state\":\"submitted\"",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    let job = server.get(&path(&job)).json();
    assert_eq!(
        (&job["state"], &job["already_recorded"]),
        (&json!("submitted"), &json!(true))
    );
    let told = server.get(&format!("{}/events", path(&job))).text();
    assert!(
        told.contains("\"state\":\"submitted\"") && !told.contains("progress"),
        "{told}"
    );
}

/// Everything that is no job.
fn refusals(server: &Server, row: &[u8]) {
    let to = "/v1/jobs?model=fraud";
    server.refused(to, &[CSV], row, 401, "no API key");
    server.refused(
        to,
        &[CSV, ("Authorization", "Bearer key of carol")],
        row,
        401,
        "no API key",
    );
    server.refused(
        to,
        &[CSV, ("Authorization", "key of alice")],
        row,
        401,
        "no API key",
    );
    problem(&server.ask("GET", "/metrics", &[], b""), 401, "no API key");
    problem(&server.ask("GET", "/nowhere", &[], b""), 401, "no API key");
    problem(&server.get("/nowhere"), 404, "no such route");
    server.refused(
        "/v1/jobs?model=other",
        &[CSV, ALICE],
        row,
        422,
        "there are: fraud",
    );
    server.refused("/v1/jobs", &[CSV, ALICE], row, 400, "model");
    server.refused(&format!("{to}&x=1"), &[CSV, ALICE], row, 400, "x");
    server.refused(to, &[CSV, ALICE], b"1,2,3\n", 422, "input.csv");
    server.refused(to, &[LAMINATE, ALICE], b"1,2,3\n", 422, "input.lam");
    server.refused(
        to,
        &[("Content-Type", "text/html"), ALICE],
        row,
        415,
        "expected application/json",
    );
    server.refused(
        &format!("{to}&context=7"),
        &[CSV, ALICE],
        row,
        422,
        "take no --context",
    );
    server.refused(
        &format!("{to}&scope=7"),
        &[CSV, ALICE],
        row,
        422,
        "belong together",
    );
    server.refused(
        "/v1/jobs",
        &[JSON, ALICE],
        b"{\"model\": \"fraud\"}",
        422,
        "one of input, csv",
    );
    server.refused("/v1/jobs", &[JSON, ALICE], b"{", 400, "no job in JSON");
    server.refused(
        to,
        &[CSV, ALICE],
        &vec![b'1'; 65_537],
        413,
        "more than 65536 bytes",
    );
    let chunked = head(
        &server.host,
        "POST",
        to,
        &[CSV, ALICE, ("Transfer-Encoding", "chunked")],
    );
    let chunks = format!("8000\r\n{}\r\n", "1".repeat(0x8000)).repeat(3);
    let answer = raw(
        &server.host,
        format!("{chunked}\r\n{chunks}0\r\n\r\n").as_bytes(),
    );
    problem(&answer.expect("an answer"), 413, "more than 65536 bytes");
    let large = format!("X: {}\r\n\r\n", "1".repeat(1 << 16));
    let answer = raw(
        &server.host,
        (head(&server.host, "GET", "/healthz", &[]) + &large).as_bytes(),
    );
    assert!(answer.is_none_or(|answer| answer.status == 431));

    // Who is slow is sent home, and keeps nobody out meanwhile.
    let mut idle: Vec<TcpStream> = (0..6)
        .map(|_| TcpStream::connect(&server.host).expect("connect"))
        .collect();
    for stream in &mut idle {
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost:")
            .expect("write");
    }
    assert_eq!(
        server.ask("GET", "/healthz", &[], b"").json()["status"],
        "ok"
    );
    let slow = head(
        &server.host,
        "POST",
        to,
        &[CSV, ALICE, ("Content-Length", "100")],
    );
    let begun = Instant::now();
    let answer = raw(&server.host, format!("{slow}\r\n1,2").as_bytes());
    problem(&answer.expect("an answer"), 408, "did not come within 1 s");
    assert!(begun.elapsed() < Duration::from_secs(30));
    drop(idle);
    described(server);
}

/// Each route takes the methods that its description lists, and no other.
fn described(server: &Server) {
    let description = server.ask("GET", "/openapi.json", &[], b"").json();
    let mut tried = 0;
    for (path, methods) in description["paths"].as_object().expect("paths") {
        let path = path.replace("{id}", "0");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let listed = methods.get(method.to_ascii_lowercase()).is_some();
            let answer = server.ask(method, &path, &[ALICE], b"");
            assert_eq!(
                answer.status != 405,
                listed,
                "{method} {path}: {}",
                answer.text()
            );
            tried += 1;
        }
    }
    assert_eq!(tried, 40);
}

#[cfg(unix)]
fn private(files: &[PathBuf]) {
    use std::os::unix::fs::PermissionsExt;
    for file in files {
        let mode = std::fs::metadata(file).expect("file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}

#[cfg(not(unix))]
fn private(_: &[PathBuf]) {}

/// What a server does not start with.
#[test]
fn others_are_served_with_keys_only() {
    let folder = tempfile::tempdir().expect("folder");
    let refused = |arguments: &[&str], expected: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_laminate"))
            .current_dir(folder.path())
            .args(["serve", "fraud"])
            .args(arguments)
            .output();
        let output = output.expect("the binary runs");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && text.contains(expected),
            "{text}"
        );
    };
    refused(&["--listen", "0.0.0.0:0"], "with --api-keys only");
    refused(&["--listen", "127.0.0.1:0"], "laminate compile");
    refused(&["--api-keys", "none"], "none");
    refused(&["--deployment", "d.json"], "--rpc-url");
    refused(&["--listen", "here"], "--listen");
}
