//! A link between two connections, with time that the test sets.

use futures_util::SinkExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

async fn accept(listener: &TcpListener) -> WebSocketStream<TcpStream> {
    let (stream, _) = listener.accept().await.expect("a connection");
    tokio_tungstenite::accept_async(stream).await.expect("a websocket")
}

/// A link, and what it is connected to.
async fn linked(listener: &TcpListener) -> (Link, WebSocketStream<TcpStream>) {
    let url = format!("ws://{}", listener.local_addr().expect("an address"));
    let feed = Feed::new(market::Exchange::Binance, vec![]);
    let feed = Feed { overlap: MINUTE, silence: MINUTE, ..feed };
    let feed = Feed { url: Some(url), ..feed };
    let terms = crate::venue::terms(&feed).expect("terms");
    let mut link = Link::open(&feed, terms, Arc::new(Pace::new(Duration::ZERO)));
    let server = accepted(&mut link, listener).await;
    (link, server)
}

async fn accepted(link: &mut Link, listener: &TcpListener) -> WebSocketStream<TcpStream> {
    tokio::select! {
        server = accept(listener) => server,
        frame = frame(link) => panic!("{frame}"),
    }
}

async fn frame(link: &mut Link) -> Frame {
    loop {
        if let Told::Frame(frame) = link.next().await {
            return frame;
        }
    }
}

async fn idle(link: &mut Link) {
    assert!(timeout(2 * TICK, frame(link)).await.is_err());
}

/// While a full queue kept us from reading, the old connection may have fallen far behind.
#[tokio::test]
async fn time_in_which_nobody_read_is_neither_overlap_nor_silence() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let (mut link, mut old) = linked(&listener).await;
    old.send(Frame::text("before")).await.expect("sent");
    assert_eq!(frame(&mut link).await, Frame::text("before"));
    link.renew("this is a test");
    let _new = accepted(&mut link, &listener).await;
    while !matches!(link.next, Next::Waiting { .. }) {
        idle(&mut link).await;
    }

    for blocked in [true, false] {
        let earlier = Instant::now() - MINUTE;
        let Next::Waiting { since, .. } = &mut link.next else { panic!("not waiting") };
        *since = earlier;
        link.current.as_mut().expect("connected").heard = earlier;
        link.passed = if blocked { earlier } else { Instant::now() };
        idle(&mut link).await;
        assert_eq!(matches!(link.next, Next::Waiting { .. }), blocked);
    }
    // Once somebody has read for so long, the old connection has said everything.
    assert!(old.next().await.expect("a frame").expect("a frame").is_close());
}
