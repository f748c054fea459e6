//! One holder at a time.

use sea_orm::ConnectionTrait as _;
use slipway_outbox::lease;
use uuid::Uuid;

use crate::worlds::World;

slipway_testrig::on_both_databases!(one_holder_at_a_time, of_many_that_want_it_one_gets_it);

async fn hold(world: &World, holder: Uuid) -> bool {
    let transaction = world.database.begin().await.unwrap();
    let held = lease::hold(&world.database, &transaction, "duty", holder).await.unwrap();
    transaction.commit().await.unwrap();
    held
}

async fn one_holder_at_a_time(world: World) {
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    assert!(hold(&world, first).await);
    assert!(hold(&world, first).await, "renewed");
    assert!(!hold(&world, second).await);
    world.database.writer().execute_unprepared("update lease set until = 1").await.unwrap();
    assert!(hold(&world, second).await, "taken over");
    assert!(!hold(&world, first).await);
}

async fn of_many_that_want_it_one_gets_it(world: World) {
    let held = futures_util::future::join_all((0..8).map(|_| hold(&world, Uuid::now_v7()))).await;
    assert_eq!(held.iter().filter(|held| **held).count(), 1, "{held:?}");
}
