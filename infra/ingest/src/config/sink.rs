//! Where lines go, as it was written: a broker's addresses, a stream's name; connects to none.

use super::Security;
use super::said::Said;

/// Whether it is Kinesis.
pub(super) fn read_sink(said: &Said<String>) -> anyhow::Result<bool> {
    match said.value.as_str() {
        "kafka" => Ok(false),
        "kinesis" => Ok(true),
        other => Err(said.refuse("sink", format!("{other:?} is neither kafka nor kinesis"))),
    }
}

pub(super) fn read_security(said: &Said<String>) -> anyhow::Result<Security> {
    match said.value.as_str() {
        "plaintext" => Ok(Security::Plaintext),
        "msk-iam" => Ok(Security::MskIam),
        other => {
            Err(said
                .refuse("kafka.security", format!("{other:?} is neither plaintext nor msk-iam")))
        }
    }
}

pub(super) fn check_stream(said: &Said<String>) -> anyhow::Result<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if (1..=128).contains(&said.value.len()) && said.value.bytes().all(allowed) {
        return Ok(());
    }
    let why = format!("{:?} is no stream's name (1 to 128 of A-Z a-z 0-9 _ . -)", said.value);
    Err(said.refuse("kinesis.stream", why))
}

pub(super) fn check_brokers(said: &Said<String>) -> anyhow::Result<()> {
    let good = |broker: &str| {
        let (host, port) = broker.trim().rsplit_once(':').unwrap_or_default();
        let hostlike = |byte: u8| !byte.is_ascii_whitespace() && byte != b'/';
        !host.is_empty()
            && host.bytes().all(hostlike)
            && port.parse().is_ok_and(|port: u16| port > 0)
    };
    if said.value.split(',').all(good) {
        return Ok(());
    }
    let why = format!("{:?} is not host:port, or several with commas between", said.value);
    Err(said.refuse("kafka.brokers", why))
}
