//! A server that stops answers what it has begun, and nothing else.

use std::time::{Duration, Instant};

use slipway_daemon::Limits;
use slipway_testrig::process::listens;
use tonic::Code;

use crate::world::{PATIENCE, serve};

#[tokio::test]
async fn what_has_begun_is_answered() {
    let mut world = serve(Limits::default()).await;
    let supervisor = std::mem::take(&mut world.supervisor);
    let stop = supervisor.stop_token();
    let stopping = async {
        world.stub.entered(1).await;
        stop.cancel();
        let began = Instant::now();
        while listens(world.port) {
            assert!(began.elapsed() < PATIENCE, "it still listens");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let refused = world.call_anew("alice").await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
        world.stub.open();
    };
    let (answer, ()) = tokio::join!(world.call("alice"), stopping);
    answer.expect("it came in before the end");
    tokio::time::timeout(PATIENCE, supervisor.shut_down(PATIENCE * 2))
        .await
        .expect("nothing is left to wait for");
}
