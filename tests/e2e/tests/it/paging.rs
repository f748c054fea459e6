//! Page tokens of `ListImages`.

use slipway_testrig::call::reason;
use slipway_wire::catalog::v1::ListImagesRequest;

use crate::fixture::{Fixture, shared};

async fn check_refused(fixture: &Fixture, subject: &str, request: ListImagesRequest) {
    let status = fixture.list_images(subject, request).await.unwrap_err();
    assert_eq!(reason(&status), "PAGE_TOKEN_INVALID");
}

#[tokio::test]
async fn page_token_continues_only_the_list_it_came_from() {
    let Some(fixture) = shared().await else { return };
    fixture.group("pages", "member").await;
    let mut consistency_token = String::new();
    for name in ["a", "b", "c"] {
        let created = fixture.create(fixture.existing_image("pages", name)).await;
        consistency_token = created.consistency_token;
    }

    let page = ListImagesRequest {
        owner: "pages".to_owned(),
        page_size: 2,
        consistency_token,
        ..Default::default()
    };
    let first = fixture.list_images("admin", page.clone()).await.unwrap();
    assert_eq!((first.images.len(), first.total_size), (2, 3));
    let next = ListImagesRequest { page_token: first.next_page_token, ..page };

    check_refused(&fixture, "other", next.clone()).await;
    let other_filter = ListImagesRequest { text: "a".to_owned(), ..next.clone() };
    check_refused(&fixture, "admin", other_filter).await;

    let second = fixture.list_images("admin", next).await.unwrap();
    assert_eq!((second.images.len(), second.next_page_token.as_str()), (1, ""));
}
