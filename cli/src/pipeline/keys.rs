//! Keys and the reference strings they were made with, in the cache.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use eyre::{Context, ensure, eyre};
use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::join::Join;
use laminate_aggregator::keys::{
    self, CIRCUIT_VERSION, Identity, OutputFormat, ProvingKey, VerifyingKey,
};
use laminate_aggregator::packed::Opening;
use laminate_aggregator::prove::Target;
use laminate_aggregator::srs::Srs;
use laminate_engine::field::Scalar;
use laminate_engine::fold::FoldMode;
use laminate_model::program::Program;
use laminate_model::verify::Verifier;

use crate::cmd::setup::{Report as KeyReport, cached_srs, dev_path, load_srs};
use crate::destination;
use crate::files::{ProofFile, Setup, cache_dir, read_text};
use crate::output::Output;
use crate::subject::Subject;

/// Longest path of a reference string that is read.
const MAX_PATH: u64 = 1 << 16;

/// Folder of keys.
pub fn key_folder() -> PathBuf {
    cache_dir().join("keys")
}

/// log2 of the rows of a program's circuit.
///
/// # Errors
/// A program that fits no circuit.
pub fn circuit_k(program: &Program, mode: FoldMode) -> eyre::Result<u32> {
    Ok(keys::required_k(&Verifier::new(program.clone())?, mode)?)
}

/// A reference string cut to `2^k` powers with their Lagrange basis, and where it lies: the string at
/// `path` itself if it is of that size, else a cut that is kept in the cache.
///
/// # Errors
/// A string that is too short, or a cut that cannot be written.
pub fn cut_srs<'a>(
    path: &Path,
    srs: &'a Srs,
    k: u32,
    out: Output,
) -> eyre::Result<(PathBuf, Cow<'a, Srs>)> {
    if srs.k() == k {
        return Ok((path.to_owned(), Cow::Borrowed(srs)));
    }
    let cut = if srs.origin().is_development() {
        dev_path(k)
    } else {
        cache_dir().join(format!("{}-{k}.srs", hex::encode(&srs.setup_id()[..8])))
    };
    if let Some(found) = cached_srs(&cut)?
        && found.setup_id() == srs.setup_id()
        && found.k() == k
    {
        return Ok((cut, Cow::Owned(found)));
    }
    let _stage = out.stage("Cutting the reference string to the circuit's size");
    let srs = srs.truncated(k)?;
    std::fs::create_dir_all(cache_dir())
        .wrap_err_with(|| format!("cannot create {}", cache_dir().display()))?;
    srs.save(&cut)?;
    remember_checked(&srs);
    Ok((cut, Cow::Owned(srs)))
}

/// Where it is kept that a string passed every check: the digest is of all that it holds.
fn checked_mark(srs: &Srs) -> PathBuf {
    cache_dir().join("checked").join(hex::encode(srs.digest()))
}

/// Keeps that a string passed every check, or was made here, so that no command checks it again. Without the mark it is checked again: that it cannot be
/// written is no error.
pub fn remember_checked(srs: &Srs) {
    let mark = checked_mark(srs);
    if let Some(folder) = mark.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    let _ = std::fs::write(mark, []);
}

/// Every check of an import, unless a string with this digest passed them before: the file's own digests are those of whoever wrote it.
///
/// # Errors
/// The first check that fails.
pub fn require_checked(srs: &Srs) -> eyre::Result<()> {
    if !checked_mark(srs).is_file() {
        srs.check()?;
        remember_checked(srs);
    }
    Ok(())
}

/// Reads or makes the keys of a program, all files. `srs` is cut to the circuit or longer; the keys get the opening that is asked for, with a string that is
/// as long as it needs.
///
/// # Errors
/// A reference string that is too small, or an altered key file.
pub fn setup(
    program: &Program,
    mode: FoldMode,
    srs: &Srs,
    (opening, long): (Opening, &Srs),
) -> eyre::Result<ProvingKey> {
    let folder = new_key_folder()?;
    let verifier = Verifier::new(program.clone())?;
    let (keys, _) = ProvingKey::cached(&folder, &verifier, mode, srs)?;
    with_opening(keys, opening, long)
}

/// The keys with an opening, with the verifying key of SHPLONK, which what joins proofs needs, and that of the opening in the cache.
fn with_opening(keys: ProvingKey, opening: Opening, srs: &Srs) -> eyre::Result<ProvingKey> {
    let keys = keys.with_opening(Opening::Shplonk, srs)?;
    keep_verifying_key(&keys)?;
    if opening == Opening::Shplonk {
        return Ok(keys);
    }
    let keys = keys.with_opening(opening, srs)?;
    keep_verifying_key(&keys)?;
    Ok(keys)
}

/// The reference string that a proof is made with: as long as the packs need it, or cut to the circuit.
///
/// # Errors
/// As [`cut_srs`].
pub fn proving_srs<'a>(
    keys: &ProvingKey,
    srs: &'a Srs,
    target: Target,
    out: Output,
) -> eyre::Result<Cow<'a, Srs>> {
    if keys.meta.opening() == Opening::Packed && target == Target::Contract {
        return Ok(Cow::Borrowed(srs));
    }
    Ok(cut_srs(Path::new(""), srs, keys.meta.k(), out)?.1)
}

/// Reads or makes the keys of a join. [`finish_join`] chooses their opening and writes the verifying key.
///
/// # Errors
/// As [`setup`].
pub fn setup_join(join: &Join, output: OutputFormat, srs: &Srs) -> eyre::Result<ProvingKey> {
    Ok(ProvingKey::cached_join(&new_key_folder()?, join, output, srs)?.0)
}

/// The keys of a join with an opening, all files.
///
/// # Errors
/// As [`setup`].
pub fn finish_join(keys: ProvingKey, opening: Opening, srs: &Srs) -> eyre::Result<ProvingKey> {
    with_opening(keys, opening, srs)
}

fn new_key_folder() -> eyre::Result<PathBuf> {
    let folder = key_folder();
    std::fs::create_dir_all(&folder)
        .wrap_err_with(|| format!("cannot create {}", folder.display()))?;
    // Before the keys are made.
    destination::inside(&folder)?;
    Ok(folder)
}

fn keep_verifying_key(keys: &ProvingKey) -> eyre::Result<()> {
    let (identity, key) = (&keys.meta.identity, keys.verifying_key());
    let path = vk_path(identity, keys.meta.opening());
    // A file that is damaged, or of another key, is made again.
    let found = VerifyingKey::load(&path, Some(identity));
    if found.is_ok_and(|found| found.digest() == key.digest()) {
        return Ok(());
    }
    Ok(key.save(&path)?)
}

fn vk_path(identity: &Identity, opening: Opening) -> PathBuf {
    VerifyingKey::path(&key_folder(), identity, opening)
}

/// The verifying key of an opening in the cache, if there is one.
fn cached_verifying_key(
    identity: &Identity,
    opening: Opening,
) -> eyre::Result<Option<VerifyingKey>> {
    let path = vk_path(identity, opening);
    if !path.exists() {
        return Ok(None);
    }
    let of = || path.display().to_string();
    let key = VerifyingKey::load(&path, Some(identity)).wrap_err_with(of)?;
    key.require_opening(opening).wrap_err_with(of)?;
    Ok(Some(key))
}

/// Sizes and shape of keys.
///
/// # Errors
/// If a key file is missing.
pub fn key_report(keys: &ProvingKey) -> eyre::Result<KeyReport> {
    let identity = &keys.meta.identity;
    let size = |path: &Path| std::fs::metadata(path).map(|m| m.len());
    Ok(KeyReport {
        k: keys.meta.k(),
        advice_columns: laminate_aggregator::circuit::ADVICE_COLUMNS,
        opening: keys.meta.opening(),
        vk_digest: hex::encode(keys.verifying_key().digest()),
        proving_key_bytes: size(&ProvingKey::path(&key_folder(), identity))?,
        verifying_key_bytes: size(&vk_path(identity, keys.meta.opening()))?,
        development: keys.meta.development,
        weights: None,
    })
}

/// The reference string a setup recorded.
///
/// # Errors
/// If it was moved, altered or replaced.
pub fn load_setup_srs(setup: &Setup) -> eyre::Result<Srs> {
    let srs = load_srs(&setup.srs)?;
    let found = hex::encode(srs.digest());
    if found != setup.srs_digest {
        return Err(eyre!(
            "reference string {} has digest {found}, setup used {}; run setup again",
            setup.srs.display(),
            setup.srs_digest
        ));
    }
    Ok(srs)
}

/// The proving key of a program that `setup` made, with an opening.
///
/// # Errors
/// Missing, altered or foreign keys.
pub fn load_keys(
    program: &Program,
    mode: FoldMode,
    srs: &Srs,
    opening: Opening,
) -> eyre::Result<ProvingKey> {
    let (path, identity) = require_keys(program, mode, srs)?;
    load_opened(&path, &identity, opening)
}

/// The proving key at a path, with an opening.
///
/// # Errors
/// As [`load_keys`].
pub fn load_opened(path: &Path, identity: &Identity, opening: Opening) -> eyre::Result<ProvingKey> {
    let of = || path.display().to_string();
    let keys = ProvingKey::load(path, identity).wrap_err_with(of)?;
    let key = require_verifying_key(identity, opening)?;
    keys.opened_as(&key).wrap_err_with(of)
}

/// Where the proving key of a program lies, and what it is of.
///
/// # Errors
/// If there is none.
pub fn require_keys(
    program: &Program,
    mode: FoldMode,
    srs: &Srs,
) -> eyre::Result<(PathBuf, Identity)> {
    let identity = Identity::new(&Verifier::new(program.clone())?, mode, srs);
    let path = ProvingKey::path(&key_folder(), &identity);
    ensure!(
        path.exists(),
        "no keys of {} in {}; make them with `laminate setup DIR`",
        program.name,
        key_folder().display()
    );
    Ok((path, identity))
}

/// The verifying keys of what is published.
#[derive(Clone, Debug)]
pub struct SubjectKeys {
    /// Of its inferences.
    pub inference: VerifyingKey,
    /// Of its commitment proofs, where inferences do not show that the weights are in range.
    pub weights: Option<VerifyingKey>,
}

/// The verifying keys that `setup` made, of inferences and, where there are such, of commitment proofs.
///
/// # Errors
/// Missing, altered or foreign keys; a join of which a part leaves its weights open.
pub fn load_subject_keys(
    subject: &Subject,
    srs: &Srs,
    opening: Opening,
) -> eyre::Result<SubjectKeys> {
    let weights = subject.weight_program()?;
    let load = |digest| load_verifying_key(digest, FoldMode::On, srs, opening);
    Ok(SubjectKeys {
        inference: load(subject.digest)?,
        weights: weights.map(load).transpose()?,
    })
}

/// The verifying key with an opening that `setup` made of the program with this digest.
///
/// # Errors
/// Missing, altered or foreign keys.
pub fn load_verifying_key(
    program: Fr,
    mode: FoldMode,
    srs: &Srs,
    opening: Opening,
) -> eyre::Result<VerifyingKey> {
    let identity = Identity {
        program: Scalar(program),
        mode,
        setup: srs.setup_id(),
        circuit: CIRCUIT_VERSION,
    };
    require_verifying_key(&identity, opening)
}

fn require_verifying_key(identity: &Identity, opening: Opening) -> eyre::Result<VerifyingKey> {
    let key = cached_verifying_key(identity, opening)?;
    key.ok_or_else(|| {
        eyre!(
            "no verifying key of this program with {opening} opening in {}; make it with `laminate setup`",
            key_folder().display()
        )
    })
}

/// The cached key that a proof file names: its digest tells the opening.
///
/// # Errors
/// As [`load_verifying_key`].
pub fn verifying_key_of(file: &ProofFile) -> eyre::Result<VerifyingKey> {
    let identity = Identity {
        program: file.program_digest,
        mode: file.fold,
        setup: file.setup,
        circuit: CIRCUIT_VERSION,
    };
    let openings: &[Opening] = match file.proof.target {
        Target::Contract => &[Opening::Packed, Opening::Shplonk],
        Target::Join => &[Opening::Shplonk],
    };
    let (mut cached, mut damage) = (vec![], None);
    for opening in openings {
        match cached_verifying_key(&identity, *opening) {
            Ok(Some(key)) if key.digest() == file.vk_digest => return Ok(key),
            Ok(Some(key)) => cached.push(format!("{} ({opening})", hex::encode(key.digest()))),
            Ok(None) => {}
            Err(error) => damage = Some(error),
        }
    }
    if let Some(error) = damage {
        return Err(error);
    }
    ensure!(
        !cached.is_empty(),
        "no verifying key of this program in {}; make it with `laminate setup` in a folder of the same model",
        key_folder().display()
    );
    Err(eyre!(
        "the proof was made with verifying key {}, the cached one is {}; they are of different versions, or the proof is of an opening that `laminate setup --opening` did not make here",
        hex::encode(file.vk_digest),
        cached.join(" and ")
    ))
}

/// Where the reference string of a key lies: the smallest that a verifier needs is made or found by its setup.
pub(super) fn srs_path(key: &VerifyingKey) -> eyre::Result<PathBuf> {
    let path = srs_link(&key.meta.identity);
    let target = read_text(&path, MAX_PATH).wrap_err_with(|| {
        format!(
            "cannot read {}, which setup writes; run setup again",
            path.display()
        )
    })?;
    Ok(PathBuf::from(target.trim()))
}

/// File that names the reference string of a key.
pub(super) fn srs_link(identity: &Identity) -> PathBuf {
    key_folder().join(format!("{}.srs-path", identity.file_stem()))
}

/// Records where the reference string of a key lies.
///
/// # Errors
/// If the file cannot be written.
pub fn link_srs(keys: &ProvingKey, path: &Path) -> eyre::Result<()> {
    let absolute = std::path::absolute(path)?;
    crate::files::write_bytes(
        &srs_link(&keys.meta.identity),
        absolute.to_string_lossy().as_bytes(),
        false,
    )
}
