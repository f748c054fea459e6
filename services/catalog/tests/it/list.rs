//! Lists: bytewise order and pages by every order, literal filters, on either database alike.

use slipway_catalog::{
    domain::image::{Image, ImageType},
    store::{Filter, Order, keys},
};
use slipway_names::{grant::Role, id::GroupId};
use slipway_paging::Page;
use slipway_wire::permission::v1::Role as WireRole;

use crate::worlds::{World, existing, image, user};

slipway_testrig::on_both_databases!(
    every_order_pages_bytewise,
    filters_are_literal,
    names_with_a_nul_name_nothing
);

/// Everything that the user sees, by name.
pub(crate) async fn all(world: &World, name: &str) -> Vec<Image> {
    let page = Page::parse(1_000, "", &[], 2).unwrap();
    world
        .store
        .images(user(name), &Filter::default(), Order::parse("").unwrap(), &page)
        .await
        .unwrap()
}

async fn reader(world: &World) {
    world.grant(&[(user("reader"), WireRole::Reader)]).await;
}

async fn every_order_pages_bytewise(world: World) {
    reader(&world).await;
    let names = ["b", "a", "a-b", "a.b", "a0", "ab", "a-b-2", "z"];
    let display_names = ["same", "Z", "a", "ä", "_", "same", "B", "%"];
    for (name, display_name) in names.into_iter().zip(display_names) {
        let image = Image { display_name: display_name.to_owned(), ..image(name) };
        world.create(&image, &existing(&image)).await;
    }
    world
        .execute("update image set create_time = 5, update_time = 7 where name in ('a', 'z', 'ab')")
        .await;

    let everything = all(&world, "reader").await;
    for order in ["name", "display_name", "create_time", "update_time"]
        .into_iter()
        .flat_map(|name| [name.to_owned(), format!("{name} desc")])
    {
        let key = |image: &Image| {
            let text = |text: &str| (0, text.as_bytes().to_vec());
            match order.split(' ').next().unwrap() {
                "name" => text(&image.qualified_name()),
                "display_name" => text(&image.display_name),
                "create_time" => (image.create_time, Vec::new()),
                _ => (image.update_time, Vec::new()),
            }
        };
        let mut want = everything.clone();
        want.sort_by_key(|image| (key(image), image.id.0));
        if order.ends_with(" desc") {
            want.reverse();
        }
        let want: Vec<String> = want.into_iter().map(|image| image.name).collect();
        for size in [1, 2, 3, 8, 100] {
            assert_eq!(walk(&world, &order, size).await, want, "{order}, {size} a page");
        }
    }
    assert_eq!(world.store.count_images(user("reader"), &Filter::default()).await.unwrap(), 8);
    assert_eq!(world.store.count_images(user("mallory"), &Filter::default()).await.unwrap(), 0);
    assert_eq!(all(&world, "mallory").await, []);
}

/// Names, page by page.
async fn walk(world: &World, order: &str, size: i32) -> Vec<String> {
    let order = Order::parse(order).unwrap();
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let page = Page::parse(size, &token, &["reader"], 2).unwrap();
        let mut images =
            world.store.images(user("reader"), &Filter::default(), order, &page).await.unwrap();
        token = page.cut(&mut images, |image| keys(image, order));
        found.extend(images.into_iter().map(|image| image.name));
        assert!(found.len() <= 8, "pages overlap: {found:?}");
        if token.is_empty() {
            return found;
        }
    }
}

async fn filters_are_literal(world: World) {
    reader(&world).await;
    let group = GroupId::new();
    let named = |name: &str, display_name: &str| Image {
        display_name: display_name.to_owned(),
        ..image(name)
    };
    let images = [
        named("percent", "100% sure"),
        named("under", "snake_case"),
        named("back", "a\\b"),
        named("quote", "it's"),
        Image { kind: ImageType::Gpu, ..named("plain", "Plain") },
        Image { owner: Some(group), owner_name: "vision".to_owned(), ..named("owned", "Owned") },
    ];
    for image in &images {
        world.create(image, &existing(image)).await;
    }
    let text = |text: &str| Filter { text: text.to_owned(), ..Filter::default() };
    let owner = |owner: &str| Filter { owner: owner.to_owned(), ..Filter::default() };
    let cases: Vec<(Filter, &[&str])> = vec![
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
        (Filter { kind: Some(ImageType::Gpu), ..Filter::default() }, &["plain"]),
        (Filter { kind: Some(ImageType::Gpu), ..text("snake") }, &[]),
    ];
    for (filter, want) in cases {
        let page = Page::parse(100, "", &[], 2).unwrap();
        let found = world
            .store
            .images(user("reader"), &filter, Order::parse("name").unwrap(), &page)
            .await
            .unwrap();
        assert_eq!(
            found.iter().map(|image| image.name.as_str()).collect::<Vec<_>>(),
            want,
            "{filter:?}"
        );
        let total = world.store.count_images(user("reader"), &filter).await.unwrap();
        assert_eq!(usize::try_from(total).unwrap(), want.len(), "{filter:?}");
    }
}

async fn names_with_a_nul_name_nothing(world: World) {
    reader(&world).await;
    let image = image("plain");
    world.create(&image, &existing(&image)).await;
    for name in ["system/plain\0", "\0", "system/\0plain"] {
        assert_eq!(
            world.store.image_seen_by(name, user("reader"), Role::Reader).await.unwrap(),
            None,
            "{name:?}"
        );
    }
    for name in ["system/plain", &image.id.to_string()] {
        assert_eq!(
            world
                .store
                .image_seen_by(name, user("reader"), Role::Reader)
                .await
                .unwrap()
                .unwrap()
                .id,
            image.id
        );
    }
}
