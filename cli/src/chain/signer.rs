//! Who signs transactions.
//!
//! A key comes from an encrypted keystore file, or from an environment variable; never from the command line, which
//! other users of the machine can read. No error here carries a key, a password or any part of one.

use std::io::Write;
use std::path::{Path, PathBuf};

use alloy::signers::local::{LocalSignerError, PrivateKeySigner};
use eyre::{WrapErr, bail, ensure, eyre};
use zeroize::Zeroizing;

use crate::files::read_at_most;

/// Environment variable with a private key as 64 hex digits.
pub const KEY_VARIABLE: &str = "LAMINATE_PRIVATE_KEY";
/// Environment variable with the keystore's password.
pub const PASSWORD_VARIABLE: &str = "LAMINATE_KEYSTORE_PASSWORD";
/// A keystore is under 1 kB; nothing larger is read.
const MAX_KEYSTORE_BYTES: u64 = 64 << 10;
const MAX_PASSWORD_BYTES: u64 = 4 << 10;

/// Which account signs.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SignerArgs {
    /// Encrypted keystore (geth, foundry); without it the key is read from LAMINATE_PRIVATE_KEY.
    #[arg(long, value_name = "FILE", env = "ETH_KEYSTORE")]
    pub keystore: Option<PathBuf>,
    /// File with the keystore's password; without it LAMINATE_KEYSTORE_PASSWORD, or a prompt.
    #[arg(long, value_name = "FILE", requires = "keystore")]
    pub password_file: Option<PathBuf>,
    /// Send transactions as before EIP-1559; done unasked where the chain or its node has no other fees.
    #[arg(long)]
    pub legacy: bool,
}

impl SignerArgs {
    /// Reads and decrypts the key.
    ///
    /// # Errors
    /// No key given, an unreadable or malformed keystore, or a wrong password.
    pub fn signer(&self) -> eyre::Result<PrivateKeySigner> {
        match &self.keystore {
            Some(path) => from_keystore(path, &self.password(path)?),
            None => match secret_variable(KEY_VARIABLE)? {
                Some(key) => from_hex(&key),
                None => bail!(
                    "no account to sign with; give --keystore FILE, or set {KEY_VARIABLE} (the key is never taken from the command line)"
                ),
            },
        }
    }

    fn password(&self, keystore: &Path) -> eyre::Result<Zeroizing<String>> {
        if let Some(path) = &self.password_file {
            let text = Zeroizing::new(
                read_at_most(path, MAX_PASSWORD_BYTES)
                    .wrap_err_with(|| format!("cannot read password file {}", path.display()))?,
            );
            let text = std::str::from_utf8(&text)
                .map_err(|_| eyre!("password file {} is not text", path.display()))?;
            return Ok(Zeroizing::new(
                text.trim_end_matches(['\r', '\n']).to_string(),
            ));
        }
        if let Some(password) = secret_variable(PASSWORD_VARIABLE)? {
            return Ok(password);
        }
        prompt(keystore)
    }
}

fn prompt(keystore: &Path) -> eyre::Result<Zeroizing<String>> {
    let terminal = console::Term::stderr();
    ensure!(
        terminal.is_term(),
        "no password for keystore {}; give --password-file FILE or set {PASSWORD_VARIABLE}",
        keystore.display()
    );
    terminal
        .write_str(&format!("Password of {}: ", keystore.display()))
        .wrap_err("cannot write to the terminal")?;
    Ok(Zeroizing::new(
        terminal
            .read_secure_line()
            .wrap_err("cannot read the password")?,
    ))
}

fn secret_variable(name: &str) -> eyre::Result<Option<Zeroizing<String>>> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(Zeroizing::new(value))),
        Err(std::env::VarError::NotPresent) => Ok(None),
        // `VarError` prints the value: it must not become the error's source.
        Err(std::env::VarError::NotUnicode(_)) => bail!("{name} is not text"),
    }
}

/// A key of 64 hex digits.
fn from_hex(text: &str) -> eyre::Result<PrivateKeySigner> {
    let digits = text.trim();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    let mut key = Zeroizing::new([0u8; 32]);
    if hex::decode_to_slice(digits, key.as_mut_slice()).is_err() {
        bail!(
            "{KEY_VARIABLE} is not a private key: expected 64 hex digits, found {} characters",
            digits.chars().count()
        );
    }
    PrivateKeySigner::from_slice(key.as_slice()).map_err(|_| {
        eyre!("{KEY_VARIABLE} is not a private key: zero, or not below the curve's order")
    })
}

fn from_keystore(path: &Path, password: &str) -> eyre::Result<PrivateKeySigner> {
    let text = read_at_most(path, MAX_KEYSTORE_BYTES)
        .wrap_err_with(|| format!("cannot read keystore {}", path.display()))?;
    check_parameters(&text).map_err(|problem| {
        eyre!("{} is not a keystore this build reads: {problem}; expected the JSON that geth or `cast wallet` writes", path.display())
    })?;
    // The decryption takes a path: it gets these bytes, which were checked, whatever the file holds by now.
    let checked =
        private_copy(&text).wrap_err("cannot set the keystore's checked content aside")?;
    PrivateKeySigner::decrypt_keystore(checked.path(), password).map_err(|error| match error {
        LocalSignerError::EthKeystoreError(e) if e.to_string() == "Mac Mismatch" => {
            eyre!("wrong password for keystore {}", path.display())
        }
        _ => eyre!(
            "{} is not a keystore this build reads: it does not decrypt to a key",
            path.display()
        ),
    })
}

/// A file that only this user can read, gone with the value.
fn private_copy(bytes: &[u8]) -> std::io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(bytes)?;
    Ok(file)
}

/// Checks what the decryption would otherwise take at its word: lengths it slices by, and how much memory and time the
/// key derivation may use (scrypt needs `128·n·r` bytes).
fn check_parameters(text: &[u8]) -> Result<(), String> {
    let json: serde_json::Value =
        serde_json::from_slice(text).map_err(|_| "not JSON".to_string())?;
    let crypto = json.get("crypto").ok_or("no `crypto`")?;
    let number = |name: &str| {
        crypto
            .pointer(&format!("/kdfparams/{name}"))
            .and_then(serde_json::Value::as_u64)
    };
    let within = |name: &str, limit: u64| match number(name) {
        Some(n) if n > limit => Err(format!("{name} is {n}, at most {limit} is read")),
        _ => Ok(()),
    };
    if number("dklen") != Some(32) {
        return Err("a derived key of another length than 32 bytes".into());
    }
    within("n", 1 << 20)?;
    within("r", 16)?;
    within("p", 16)?;
    within("c", 10_000_000)?;
    let hex_digits = |pointer: &str| {
        crypto
            .pointer(pointer)
            .and_then(serde_json::Value::as_str)
            .map_or(0, str::len)
    };
    for (what, pointer, expected) in [
        ("ciphertext", "/ciphertext", 64),
        ("initial vector", "/cipherparams/iv", 32),
    ] {
        let found = hex_digits(pointer);
        if found != expected {
            return Err(format!(
                "its {what} has {found} hex digits, expected {expected}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const KEY: &str = "8c4b1d6a0f5e7c93a2b1d0e9f8c7b6a5948372615049382716a5b4c3d2e1f001";

    #[test]
    fn a_bad_key_is_refused_without_being_shown() {
        for bad in [
            &KEY[..63],
            &KEY.replace('8', "g"),
            "",
            &"0".repeat(64),
            &"f".repeat(64),
            "8c4b 1d6a",
        ] {
            let text = format!("{:?}", from_hex(bad).unwrap_err());
            assert!(text.contains(KEY_VARIABLE), "{text}");
            assert!(bad.len() < 4 || !text.contains(&bad[..4]), "{text}");
        }
        assert_eq!(
            from_hex(KEY).unwrap().address(),
            from_hex(&format!(" 0x{KEY}\n")).unwrap().address()
        );
    }

    /// A pipe gives its content once: who opened it again would wait for ever, or read something else.
    #[cfg(unix)]
    #[test]
    fn a_keystore_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let key = hex::decode(KEY).unwrap();
        let mut rng = rand::thread_rng();
        let made =
            PrivateKeySigner::encrypt_keystore(dir.path(), &mut rng, key, "pass", Some("account"));
        let content = fs::read(dir.path().join("account")).unwrap();
        let pipe = dir.path().join("pipe");
        let made_pipe = std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap();
        assert!(made_pipe.success());
        let to = pipe.clone();
        let writer = std::thread::spawn(move || fs::write(to, content).unwrap());
        let signer = from_keystore(&pipe, "pass").unwrap();
        writer.join().unwrap();
        assert_eq!(signer.address(), made.unwrap().0.address());
    }

    #[test]
    fn a_keystore_opens_with_its_password_only() {
        let dir = tempfile::tempdir().unwrap();
        let key = hex::decode(KEY).unwrap();
        let (signer, _) = PrivateKeySigner::encrypt_keystore(
            dir.path(),
            &mut rand::thread_rng(),
            key,
            "correct horse",
            Some("account"),
        )
        .unwrap();
        let keystore = dir.path().join("account");
        let password_file = dir.path().join("password");
        let args = SignerArgs {
            keystore: Some(keystore.clone()),
            password_file: Some(password_file.clone()),
            legacy: false,
        };

        fs::write(&password_file, "correct horse\n").unwrap();
        assert_eq!(args.signer().unwrap().address(), signer.address());

        fs::write(&password_file, "battery staple").unwrap();
        let text = format!("{:?}", args.signer().unwrap_err());
        assert!(text.contains("wrong password"), "{text}");
        assert!(
            !text.contains("battery") && !text.contains(&KEY[..8]),
            "{text}"
        );

        let stored = fs::read_to_string(&keystore).unwrap();
        for bad in ["", "{}", &stored[..stored.len() / 2]] {
            fs::write(&keystore, bad).unwrap();
            let text = format!("{:?}", args.signer().unwrap_err());
            assert!(text.contains("not a keystore"), "{text}");
        }
        for (from, to) in [
            ("\"dklen\":32", "\"dklen\":8"),
            ("\"n\":8192", "\"n\":1099511627776"),
        ] {
            assert!(stored.contains(from), "{stored}");
            fs::write(&keystore, stored.replace(from, to)).unwrap();
            assert!(
                args.signer()
                    .unwrap_err()
                    .to_string()
                    .contains("not a keystore")
            );
        }
        fs::write(&keystore, vec![b' '; 1 << 17]).unwrap();
        let text = format!("{:#}", args.signer().unwrap_err());
        assert!(text.contains("more than 65536 bytes"), "{text}");
        // No end, and no size to ask for beforehand.
        #[cfg(unix)]
        {
            let endless = SignerArgs {
                keystore: Some("/dev/zero".into()),
                ..args.clone()
            };
            let text = format!("{:#}", endless.signer().unwrap_err());
            assert!(text.contains("more than 65536 bytes"), "{text}");
        }
        fs::remove_file(&keystore).unwrap();
        assert!(
            args.signer()
                .unwrap_err()
                .to_string()
                .contains("cannot read keystore")
        );
    }
}
