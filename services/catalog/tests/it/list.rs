//! Lists: bytewise order, pages in every order and literal filters, equal on both databases.

use sea_orm::{EntityTrait as _, IntoActiveModel as _};
use slipway_authz::role::Role;
use slipway_catalog::{
    domain::{
        image::{Image, ImageState, NewImage},
        image_type::ImageType,
        list::{ImageFilter, ImageOrder, Position},
    },
    store::entities::images,
};
use slipway_names::{
    id::{GroupId, ImageId},
    unit::Micros,
};
use slipway_request::page::Page;

use crate::fixtures::{Fixture, custom, existing, image, user};

slipway_testrig::on_both_databases!(
    every_order_pages_bytewise,
    filters_match_literally,
    listed_image_has_its_newest_revision,
    total_is_capped_at_1000,
    names_with_a_nul_match_nothing
);

/// All images that are visible to the user, by name.
pub(crate) async fn all(fixture: &Fixture, name: &str) -> Vec<Image> {
    filtered(fixture, name, &ImageFilter::default()).await
}

/// The images that match and are visible to the user, by name.
async fn filtered(fixture: &Fixture, name: &str, filter: &ImageFilter) -> Vec<Image> {
    let viewer = fixture.viewer(name);
    let order = ImageOrder::parse("").unwrap();

    let listed = fixture.store.images(viewer, filter, order, None, 1_000).await.unwrap();
    listed.into_iter().map(|listed| listed.image).collect()
}

async fn count(fixture: &Fixture, name: &str, filter: &ImageFilter) -> u64 {
    fixture.store.count_images(fixture.viewer(name), filter).await.unwrap()
}

async fn grant_reader(fixture: &Fixture) {
    fixture.grant(&[("reader", Role::Reader)]).await;
}

async fn every_order_pages_bytewise(fixture: Fixture) {
    grant_reader(&fixture).await;
    let names = ["b", "a", "a-b", "a.b", "a0", "ab", "a-b-2", "z"];
    let display_names = ["same", "Z", "a", "ä", "_", "same", "B", "%"];
    for (name, display_name) in names.into_iter().zip(display_names) {
        fixture.create(&named(name, display_name), existing()).await;
    }
    let equal_times =
        "update images set create_time = 5, update_time = 7 where name in ('a', 'z', 'ab')";
    fixture.execute(equal_times).await;

    let images = all(&fixture, "reader").await;
    for field in ["name", "display_name", "create_time", "update_time"] {
        let ascending = sorted_names(&images, field);
        let descending: Vec<String> = ascending.iter().rev().cloned().collect();

        for size in [1, 2, 3, 8, 100] {
            check_pages(&fixture, field, size, &ascending).await;
            check_pages(&fixture, &format!("{field} desc"), size, &descending).await;
        }
    }

    let filter = ImageFilter::default();
    assert_eq!(count(&fixture, "reader", &filter).await, 8);
    assert_eq!(count(&fixture, "mallory", &filter).await, 0);
    assert_eq!(all(&fixture, "mallory").await, []);
}

/// The names in bytewise order of the field, then of the id.
fn sorted_names(images: &[Image], field: &str) -> Vec<String> {
    let mut images = images.to_vec();
    images.sort_by_key(|image| {
        let key = match field {
            "name" => (0, image.qualified_name().into_bytes()),
            "display_name" => (0, image.display_name.clone().into_bytes()),
            "create_time" => (image.create_time.0, Vec::new()),
            _ => (image.update_time.0, Vec::new()),
        };
        (key, image.id.0)
    });
    images.into_iter().map(|image| image.name).collect()
}

async fn check_pages(fixture: &Fixture, order: &str, size: i32, want: &[String]) {
    let names = names_by_page(fixture, order, size).await;
    assert_eq!(names, want, "{order}, {size} per page");
}

/// The names on all pages.
async fn names_by_page(fixture: &Fixture, order: &str, size: i32) -> Vec<String> {
    let viewer = fixture.viewer("reader");
    let filter = ImageFilter::default();
    let order = ImageOrder::parse(order).unwrap();
    let mut names = Vec::new();
    let mut token = String::new();

    loop {
        let page = Page::parse(user("reader"), &["images"], size, &token, 2).unwrap();
        let after = Position::parse(&page.after, order.field);
        assert_eq!(after.is_none(), token.is_empty());

        let listed = fixture.store.images(viewer, &filter, order, after.as_ref(), page.limit());
        let mut images = listed.await.unwrap();
        token = page.cut(&mut images, |listed| Position::of(&listed.image, order.field).to_keys());

        names.extend(images.into_iter().map(|listed| listed.image.name));
        assert!(names.len() <= 8, "pages overlap: {names:?}");
        if token.is_empty() {
            return names;
        }
    }
}

fn named(name: &str, display_name: &str) -> NewImage {
    NewImage { display_name: display_name.to_owned(), ..image(name) }
}

fn text(text: &str) -> ImageFilter {
    ImageFilter { text: text.to_owned(), ..ImageFilter::default() }
}

fn owner(owner: &str) -> ImageFilter {
    ImageFilter { owner: owner.to_owned(), ..ImageFilter::default() }
}

fn gpu() -> ImageFilter {
    ImageFilter { image_type: Some(ImageType::Gpu), ..ImageFilter::default() }
}

async fn filters_match_literally(fixture: Fixture) {
    grant_reader(&fixture).await;
    let group = GroupId::new();
    let images = [
        named("percent", "100% sure"),
        named("under", "snake_case"),
        named("back", "a\\b"),
        named("quote", "it's"),
        NewImage { image_type: ImageType::Gpu, ..named("plain", "Plain") },
        NewImage { owner: Some(group), owner_name: "vision".to_owned(), ..named("owned", "Owned") },
    ];
    for image in &images {
        fixture.create(image, existing()).await;
    }

    let cases: Vec<(ImageFilter, &[&str])> = vec![
        (text("%"), &["percent"]),
        (text("0% S"), &["percent"]),
        (text("_"), &["under"]),
        (text("\\"), &["back"]),
        (text("'"), &["quote"]),
        (text("PLA"), &["plain"]),
        (text("e_c"), &["under"]),
        (text("e.c"), &[]),
        (owner("vision"), &["owned"]),
        (owner(&group.to_string()), &["owned"]),
        (owner("vis%"), &[]),
        (owner(&GroupId::new().to_string()), &[]),
        (gpu(), &["plain"]),
        (ImageFilter { text: "snake".to_owned(), ..gpu() }, &[]),
    ];
    for (filter, want) in cases {
        check_filter(&fixture, &filter, want).await;
    }
}

async fn check_filter(fixture: &Fixture, filter: &ImageFilter, want: &[&str]) {
    let images = filtered(fixture, "reader", filter).await;
    let names: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, want, "{filter:?}");

    let total = count(fixture, "reader", filter).await;
    assert_eq!(usize::try_from(total).unwrap(), want.len(), "{filter:?}");
}

async fn listed_image_has_its_newest_revision(fixture: Fixture) {
    grant_reader(&fixture).await;
    for (name, draft) in [("a", existing()), ("b", custom())] {
        fixture.create(&image(name), draft).await;
    }

    let viewer = fixture.viewer("reader");
    let order = ImageOrder::parse("").unwrap();
    let listed =
        fixture.store.images(viewer, &ImageFilter::default(), order, None, 10).await.unwrap();

    for listed in &listed {
        assert_eq!(listed.latest, fixture.revision(listed.image.id, 1).await);
    }
    let has_build = listed.iter().map(|listed| listed.latest.build.is_some());
    assert_eq!(has_build.collect::<Vec<_>>(), [false, true]);
}

async fn total_is_capped_at_1000(fixture: Fixture) {
    grant_reader(&fixture).await;
    let writer = fixture.store.database().writer();

    for (added, want) in [(1_000, 1_000), (1, 1_000)] {
        let rows = (0..added).map(|_| {
            let image = image(&ImageId::new().to_string()).reserved_at(Micros(1));
            let ready = Image { state: ImageState::Ready, ..image };
            images::Model::from(ready).into_active_model()
        });
        images::Entity::insert_many(rows).exec_without_returning(writer).await.unwrap();

        assert_eq!(count(&fixture, "reader", &ImageFilter::default()).await, want);
    }
}

async fn names_with_a_nul_match_nothing(fixture: Fixture) {
    grant_reader(&fixture).await;
    let image = image("plain");
    fixture.create(&image, existing()).await;

    for name in ["system/plain\0", "\0", "system/\0plain"] {
        let visible = fixture.visible_image(name, "reader", Role::Reader).await;
        assert_eq!(visible, None, "{name:?}");
    }

    for name in ["system/plain", &image.id.to_string()] {
        let visible = fixture.visible_image(name, "reader", Role::Reader).await;
        assert_eq!(visible.unwrap().id, image.id);
    }
}
