//! Openings and cards: what an auditor rebuilds, and what is refused, each with its own sentence.

use std::fs;

use laminate_model::artifact::{self, Kind};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

mod author;
mod tiny;

use author::{User, ids};

/// Options that a program follows from.
const OPTIONS: [&str; 8] = [
    "--tokens",
    "6",
    "--prompt-tokens",
    "3",
    "--headroom",
    "4",
    "--row-log",
    "8",
];
const FILES: [&str; 4] = [
    "--calibration",
    "texts.json",
    "--tokenizer",
    "tokenizer.json",
];

/// Compiles and commits; the commitment.
fn committed(user: &User, model: &str, folder: &str) -> String {
    let compile = ["compile", model, "-o", folder];
    let compiled = user.accepted(&[&compile[..], &OPTIONS, &FILES].concat());
    assert!(ids(&compiled["polynomial_logs"])[0] > 8, "several rows");
    let report = user.accepted(&["commit", folder, "--srs", "dev.srs"]);
    text(&report["weight_commitment"])
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

/// A user with a reference string, a second model and other texts.
fn user() -> User {
    let user = User::new();
    user.accepted(&["srs", "dev", "-k", "12", "-o", "dev.srs"]);
    let mut other = tiny::checkpoint();
    // The sign of a weight: less would be gone after rounding.
    other[203] ^= 0x80;
    user.write("other.bin", &other);
    user.write(
        "others.json",
        b"[[8,7,6,5,4,3,2,1],[31,30,29,28,27,26,25,24]]",
    );
    user
}

struct Verify {
    model: &'static str,
    files: Vec<&'static str>,
    opening: &'static str,
    commitment: String,
}

impl Verify {
    fn arguments(&self) -> Vec<&str> {
        let given = [
            "audit",
            "verify",
            "--srs",
            "dev.srs",
            "--model",
            self.model,
            "--opening",
            self.opening,
            "--commitment",
            &self.commitment,
        ];
        [&given[..], &self.files].concat()
    }
}

#[test]
fn an_opening_rebuilds_the_commitment() {
    let user = user();
    let commitment = committed(&user, "tiny.bin", "m");
    let opened = user.accepted(&["audit", "open", "m", "-o", "opening.lam"]);
    assert_eq!(opened["weight_commitments"], json!([commitment]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(user.path("opening.lam"))
            .expect("file")
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
    let shown = user.accepted(&["inspect", "opening.lam"]);
    assert_eq!(
        shown["content"]["opens"][0]["weight_commitment"],
        commitment.as_str()
    );
    assert_eq!(
        shown["content"]["compiled"]["options"]["headroom"],
        json!(4.0)
    );

    // The auditor's file has another name, which the program does not follow.
    fs::copy(user.path("tiny.bin"), user.path("received.bin")).expect("copy");
    let good = || Verify {
        model: "received.bin",
        files: FILES.to_vec(),
        opening: "opening.lam",
        commitment: commitment.clone(),
    };
    let verify = good();
    let written = [&verify.arguments()[..], &["-o", "report.json"]].concat();
    let report = user.accepted(&written);
    assert_eq!(
        (&report["verdict"], &report["differences"]),
        (&json!("matches"), &json!([]))
    );
    assert_eq!(
        report["parts"][0]["compiled_weight_commitment"],
        commitment.as_str()
    );
    assert_eq!(report["sources"].as_array().expect("files").len(), 3);
    assert_eq!(report["reference_string"]["development"], true);
    let file: Value =
        serde_json::from_slice(&fs::read(user.path("report.json")).expect("report")).expect("JSON");
    assert_eq!(file["magic"], "laminate audit report");
    assert_eq!(file["content"], report);

    let refused = |verify: &Verify, expected: &[&str]| user.refused(&verify.arguments(), expected);
    let another = Verify {
        model: "other.bin",
        ..good()
    };
    refused(
        &another,
        &[
            "model: other.bin has sha256",
            "rows of the weight polynomial differ",
        ],
    );
    let calibration = Verify {
        files: vec!["--calibration", "others.json", FILES[2], FILES[3]],
        ..good()
    };
    refused(
        &calibration,
        &[
            "calibration: others.json has sha256",
            "with the recorded options the files give",
        ],
    );
    let none = Verify {
        files: FILES[2..].to_vec(),
        ..good()
    };
    refused(
        &none,
        &["compiled with texts.json", "give it with --calibration"],
    );
    let wrong = Verify {
        commitment: format!("0x{:064x}", 7),
        ..good()
    };
    refused(
        &wrong,
        &["the opening opens weight commitment", &commitment],
    );
    // The opening of another model: of its own commitment, the files do not give it; of this one, it is none.
    let others = committed(&user, "other.bin", "o");
    user.accepted(&["audit", "open", "o", "-o", "other.lam"]);
    refused(
        &Verify {
            opening: "other.lam",
            ..good()
        },
        &["the opening opens weight commitment", &others],
    );
    let exchanged = Verify {
        opening: "other.lam",
        commitment: others,
        ..good()
    };
    refused(
        &exchanged,
        &["model: received.bin has sha256", "polynomial differ"],
    );
    altered_openings_are_refused(&user, &good());
}

/// The parts of an opening: its record, and what is behind.
fn split(payload: &[u8]) -> (String, Vec<u8>) {
    let digits = payload
        .iter()
        .position(|byte| byte & 0x80 == 0)
        .expect("length")
        + 1;
    let length = payload[..digits]
        .iter()
        .rev()
        .fold(0, |length, byte| length << 7 | usize::from(byte & 0x7f));
    let (record, rest) = payload[digits..].split_at(length);
    (
        String::from_utf8(record.to_vec()).expect("text"),
        rest.to_vec(),
    )
}

fn join(record: &str, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![];
    let mut length = record.len();
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    [&bytes, record.as_bytes(), rest].concat()
}

/// With the digest made anew, too: it shows damage, not who wrote a file.
fn altered_openings_are_refused(user: &User, good: &Verify) {
    let bytes = fs::read(user.path("opening.lam")).expect("opening");
    let mut flipped = bytes.clone();
    *flipped.last_mut().expect("byte") ^= 1;
    user.write("opening.lam", &flipped);
    user.refused(&good.arguments(), &["opening.lam", "altered"]);
    user.write("opening.lam", &bytes[..bytes.len() / 2]);
    user.refused(&good.arguments(), &["truncated"]);

    let (header, payload) = artifact::open(Kind::Opening, &bytes).expect("artifact");
    let (record, rest) = split(payload);
    assert_eq!(join(&record, &rest), payload);
    let forged = |record: &str, rest: &[u8], expected: &[&str]| {
        let payload = join(record, rest);
        let head = artifact::header(Kind::Opening, header.development, &payload);
        user.write("opening.lam", &[&head[..], &payload].concat());
        user.refused(&good.arguments(), expected);
    };
    // One part: its count, the program's digest, the salt.
    let mut salt = rest.clone();
    salt[1 + 32] ^= 1;
    forged(&record, &salt, &["the opening opens weight commitment"]);
    let mut program = rest.clone();
    program[1] ^= 1;
    forged(&record, &program, &["its record is of", "altered"]);
    // The reports are left out: how their numbers are written is no matter here.
    let sealed = |change: &dyn Fn(&mut Value)| {
        let mut file: Value = serde_json::from_str(&record).expect("record");
        file["content"]["report"] = Value::Null;
        file["content"]["options"]["headroom"] = json!(4);
        change(&mut file["content"]);
        file.as_object_mut().expect("object").remove("digest");
        let digest = hex::encode(Sha256::digest(file.to_string()));
        file["digest"] = digest.into();
        file.to_string()
    };
    let options = |name: &'static str, value: Value| {
        sealed(&move |content: &mut Value| content["options"][name] = value.clone())
    };
    let expected = "with the recorded options the files give";
    forged(&options("headroom", json!(2)), &rest, &[expected]);
    forged(&options("name", json!("another")), &rest, &[expected]);
    forged(
        &options("other", json!(1)),
        &rest,
        &["are not those of this version"],
    );
    let unsealed = record.replace("\"headroom\": 4.0", "\"headroom\": 2.0");
    assert_ne!(unsealed, record);
    forged(&unsealed, &rest, &["laminate compile record is altered"]);
    // The same without a change is taken.
    let payload = join(&sealed(&|_| ()), &rest);
    let head = artifact::header(Kind::Opening, header.development, &payload);
    user.write("opening.lam", &[&head[..], &payload].concat());
    user.accepted(&good.arguments());
}

#[test]
fn a_model_in_shards_is_opened_shard_by_shard() {
    let user = user();
    let compile = ["compile", "tiny.bin", "-o", "s", "--shard-layers", "1"];
    user.accepted(&[&compile[..], &OPTIONS, &FILES].concat());
    user.refused(
        &["audit", "open", "s", "-o", "s.lam"],
        &["no weight commitment"],
    );
    let report = user.accepted(&["commit", "s", "--srs", "dev.srs"]);
    let commitments: Vec<String> = report["weight_commitments"]
        .as_array()
        .expect("list")
        .iter()
        .map(text)
        .collect();
    user.accepted(&["audit", "open", "s", "-o", "s.lam"]);
    let verify = |commitments: &[&str]| {
        let given = ["audit", "verify", "--srs", "dev.srs", "--model", "tiny.bin"];
        let opening = ["--opening", "s.lam", "--commitment"];
        let all = [&given[..], &FILES, &opening, commitments].concat();
        all.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    fn of(arguments: &[String]) -> Vec<&str> {
        arguments.iter().map(String::as_str).collect()
    }
    let [first, second] = [&*commitments[0], &*commitments[1]];
    let report = user.accepted(&of(&verify(&[first, second])));
    assert_eq!(report["parts"].as_array().expect("parts").len(), 2);
    user.refused(
        &of(&verify(&[second, first])),
        &["the opening opens weight commitment"],
    );
    user.refused(&of(&verify(&[first])), &["1 commitments given", "opens 2"]);
    // One shard alone does not say what it was compiled from.
    user.refused(
        &["audit", "open", "s/shard-000", "-o", "one.lam"],
        &["compile.json"],
    );
}

#[test]
fn a_card_says_what_the_folder_holds() {
    let user = user();
    let commitment = committed(&user, "tiny.bin", "m");
    let given = [
        "--card-version",
        "1.0",
        "--owner",
        "Example",
        "--licence",
        "MIT",
        "--intended-use",
        "Tests; nothing else",
        "--metric",
        "accuracy=0.25",
    ];
    let card = |more: &[&'static str]| [&["card", "m"], &given[..], more].concat();
    user.refused(
        &["card", "m", "-o", "c.json"],
        &["--card-version, --owner, --licence, --intended-use"],
    );
    user.refused(&card(&[]), &["nothing to write"]);
    user.refused(&card(&["-o", "no/c.json"]), &["no folder"]);
    let report = user.accepted(&card(&["-o", "card.json", "--hf", "README.md"]));
    assert_eq!(report["weight_commitment"], commitment.as_str());
    let bytes = fs::read(user.path("card.json")).expect("card");
    let hash = alloy::primitives::keccak256(&bytes).to_string();
    assert_eq!(report["card_hash"], hash.as_str());
    let made: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(
        made["source"]["sha256"],
        hex::encode(Sha256::digest(tiny::checkpoint())).as_str()
    );
    assert_eq!(made["weights"]["commitment"], commitment.as_str());
    assert!(
        made["fidelity"]["decisionAgreement"]
            .as_f64()
            .expect("share")
            > 0.5
    );
    assert_eq!(made["srs"]["development"], true);
    assert!(
        made["program"]["ops"]
            .as_array()
            .expect("ops")
            .contains(&json!("rms_norm"))
    );
    // The same again from the folder and from the card.
    assert_eq!(
        user.accepted(&card(&["-o", "again.json"]))["card_hash"],
        hash.as_str()
    );
    let readme = fs::read_to_string(user.path("README.md")).expect("README");
    assert!(readme.starts_with("---\nlicense: mit\n") && readme.contains(&hash));
    user.accepted(&["card", "card.json", "--hf", "other.md"]);
    assert_eq!(
        fs::read_to_string(user.path("other.md")).expect("README"),
        readme
    );
    user.refused(
        &["card", "card.json", "--hf", "o.md", "--owner", "x"],
        &["--owner is for a new one"],
    );
    user.write("loose.json", &[&bytes[..], b"\n"].concat());
    user.refused(
        &["card", "loose.json", "--hf", "o.md"],
        &["no model card", "canonical form"],
    );
    // A record that is of another compilation, or of none.
    let record = user.path("m/compile.json");
    let text = fs::read_to_string(&record).expect("record");
    fs::write(&record, text.replacen("tiny", "tinz", 1)).expect("write");
    user.refused(&card(&["-o", "c.json"]), &["compile.json", "altered"]);
    fs::remove_file(&record).expect("remove");
    user.refused(
        &card(&["-o", "c.json"]),
        &["does not record what it was compiled from"],
    );
    assert!(!user.path("c.json").exists());
}
