//! Named switches of the verifier's checks, to see that some test misses each of them.
//!
//! A check stands behind [`on`] with its name, which is `true`. With the feature `mutants`, that no program with a
//! command line is built with, the one that the environment variable `LAMINATE_MUTANT` names is `false`:
//! `scripts/mutate_verifier.sh` leaves out one check after another and runs the tests. Names are literals, each
//! at one place; lengths ([`crate::error::expect_len`]), bounds of programs and what a transcript absorbs have
//! theirs already and are switched by `kind: name`.

/// Whether checks can be switched off; what verifies for anybody must not be built with it.
pub const MUTABLE: bool = cfg!(feature = "mutants");

/// Whether a check is made.
#[cfg(not(feature = "mutants"))]
#[must_use]
#[inline(always)]
pub const fn on(_name: &'static str) -> bool {
    true
}

/// Whether a check of a kind whose members have names is made.
#[cfg(not(feature = "mutants"))]
#[must_use]
#[inline(always)]
pub const fn on_of(_kind: &'static str, _name: &str) -> bool {
    true
}

/// Whether a check is made: not the one that `LAMINATE_MUTANT` names.
#[cfg(feature = "mutants")]
#[must_use]
pub fn on(name: &'static str) -> bool {
    off() != Some(name)
}

/// Whether a check of a kind whose members have names is made: not the one that `LAMINATE_MUTANT` names.
#[cfg(feature = "mutants")]
#[must_use]
pub fn on_of(kind: &'static str, name: &str) -> bool {
    off().and_then(|off| off.strip_prefix(kind)?.strip_prefix(": ")) != Some(name)
}

#[cfg(feature = "mutants")]
fn off() -> Option<&'static str> {
    static OFF: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    OFF.get_or_init(|| std::env::var("LAMINATE_MUTANT").ok())
        .as_deref()
}
