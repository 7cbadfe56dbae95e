"""Every product whose reading rules are re-stated, by the name of its profile."""

from importlib import import_module
from pathlib import Path

from tests.helpdesks.product import Product


def products() -> dict[str, Product]:
    """All of products/: a module has one PRODUCT, or several PRODUCTS."""
    found: dict[str, Product] = {}
    for file in sorted((Path(__file__).parent / "products").glob("*.py")):
        module = import_module(f"tests.helpdesks.products.{file.stem}")
        for product in getattr(module, "PRODUCTS", None) or (module.PRODUCT,):
            found[product.profile] = product
    return dict(sorted(found.items()))
