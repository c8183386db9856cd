//! The checker ends, and does not panic, whatever the bytes: as they are, and as a certificate whose hash would be right.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smale::certificate::check::{prove, verify, verify_several};
use smale::certificate::format::Certificate;

fuzz_target!(|bytes: &[u8]| {
    let _ = verify(bytes);
    let _ = verify_several(bytes);
    if let Ok(certificate) = serde_json::from_slice::<Certificate>(bytes) {
        let _ = prove(&certificate);
    }
});
