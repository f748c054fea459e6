//! Bytes on the wire.

use slipway_broker::Envelope;

use crate::recorder::message;

#[test]
fn envelopes_come_back() {
    let sent = message("builder.build.queued", "b", i64::MAX, "ack");
    assert_eq!(Envelope::decode(&sent.encode()).unwrap(), sent);
}

#[test]
fn what_is_no_envelope_of_ours_is_refused() {
    let other_version = String::from_utf8(message("builder.build.queued", "b", 1, "ack").encode())
        .unwrap()
        .replace("\"dataschemaversion\":1", "\"dataschemaversion\":2");
    for bytes in
        [&b""[..], b"{}", b"not json", br#"{"specversion":"0.3"}"#, other_version.as_bytes()]
    {
        assert!(Envelope::decode(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
    }
}
