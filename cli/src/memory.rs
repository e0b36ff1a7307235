//! How the process holds memory.

/// Keeps what is freed, for the next buffer, instead of giving it back to the kernel. A proof makes and frees buffers of
/// hundreds of megabytes stage after stage, and the kernel clears every page that is given back and taken again: a quarter
/// of a large proof's time. To be called before there are threads.
///
/// Left alone where `GLIBC_TUNABLES` says how memory is to be held, and where the C library is not glibc.
pub fn keep_buffers() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if std::env::var_os("GLIBC_TUNABLES").is_none() {
        // One heap: what one thread frees, another takes. Large buffers are of it, too, and its end is never given back.
        for (parameter, value) in [
            (libc::M_ARENA_MAX, 1),
            (libc::M_MMAP_MAX, 0),
            (libc::M_TRIM_THRESHOLD, -1),
        ] {
            #[expect(unsafe_code, reason = "a call into the C library")]
            // SAFETY: mallopt takes any two integers, and keeps its settings under the heap's own lock.
            unsafe {
                libc::mallopt(parameter, value);
            }
        }
    }
}
