"""The logical tables of the company. The same customers and orders appear on several platforms."""

import msgspec

from sandbox.company.fields import Array, Field, Map, Plain, Struct

STRING, BIGINT, INT, DOUBLE = Plain("string"), Plain("bigint"), Plain("int"), Plain("double")
BOOLEAN, DATE, TIMESTAMP = Plain("boolean"), Plain("date"), Plain("timestamp")
MONEY = Plain("decimal(12,2)")


class Entity(msgspec.Struct, frozen=True):
    """One logical table: `rows` and `size_bytes` are what a platform's statistics say of it."""

    name: str
    comment: str
    team: str
    rows: int
    size_bytes: int
    fields: tuple[Field, ...]


def _f(name: str, of: Plain | Array | Map | Struct, comment: str | None = None, sensitive: str | None = None) -> Field:
    return Field(name, of, comment, nullable=not name.endswith("_id") or "_" not in name, sensitive=sensitive)


_ITEM = Struct((Field("sku", STRING), Field("quantity", INT), Field("unit_price", MONEY)))
_DEVICE = Struct(
    (Field("os", STRING), Field("browser", STRING), Field("screen", Struct((Field("w", INT), Field("h", INT)))))
)

CUSTOMERS = Entity(
    "customers",
    "One row per customer; the golden record 🧭",
    "crm",
    182_340,
    46_120_991,
    (
        _f("customer_id", BIGINT, "Surrogate key"),
        _f("email", STRING, "Login e-mail, lower-cased", "EMAIL"),
        _f("full_name", STRING, "As printed on parcels", "PERSON_NAME"),
        _f("phone", STRING, "E.164 where it could be parsed", "PHONE"),
        _f("birth_date", DATE, None, "DATE_OF_BIRTH"),
        _f(
            "address",
            Struct(
                (Field("street", STRING), Field("city", STRING), Field("postcode", STRING), Field("country", STRING))
            ),
            "Last confirmed postal address",
            "ADDRESS",
        ),
        _f("attributes", Map(STRING, Struct((Field("v", STRING), Field("since", DATE)))), "Free-form traits from CRM"),
        _f("marketing_consent", BOOLEAN, 'GDPR art. 6(1)(a): "opt-in" only'),
        _f("created_at", TIMESTAMP),
        _f("updated_at", TIMESTAMP),
    ),
)
ORDERS = Entity(
    "orders",
    "Orders as placed, never edited",
    "sales",
    2_410_775,
    913_004_512,
    (
        _f("order_id", BIGINT, "Business key"),
        _f("customer_id", BIGINT, "→ customers.customer_id"),
        _f("store_id", INT, "Null for web orders"),
        _f("ordered_at", TIMESTAMP, "UTC"),
        _f("status", STRING, "placed | paid | shipped | returned"),
        _f("currency", Plain("char(3)"), "ISO 4217"),
        _f("total", MONEY, "Gross, in `currency`"),
        _f("items", Array(_ITEM), "Lines of the order"),
        _f("discounts", Map(STRING, MONEY), "Code → amount"),
        _f("note", STRING, 'What the customer typed; it\'s free text, "quotes" and all'),
    ),
)
ORDER_ITEMS = Entity(
    "order_items",
    "Order lines, flattened",
    "sales",
    7_822_190,
    604_112_300,
    (
        _f("order_id", BIGINT),
        _f("line_no", INT),
        _f("sku", STRING, "→ products.sku"),
        _f("quantity", INT),
        _f("unit_price", MONEY),
        _f("tax_rate", Plain("decimal(5,4)"), "0.19 means 19 %"),
    ),
)
PRODUCTS = Entity(
    "products",
    "Everything that was ever sold",
    "merchandising",
    41_206,
    12_884_020,
    (
        _f("sku", STRING, "Stock keeping unit"),
        _f("title", STRING, "Titel / título / 标题"),
        _f("category_id", INT),
        _f("price", MONEY),
        _f("weight_kg", DOUBLE),
        _f("dimensions", Struct((Field("l", DOUBLE), Field("w", DOUBLE), Field("h", DOUBLE)))),
        _f("tags", Array(STRING), "Search tags"),
        _f("active", BOOLEAN),
    ),
)
CATEGORIES = Entity(
    "categories",
    "Product tree",
    "merchandising",
    812,
    65_536,
    (
        _f("category_id", INT),
        _f("parent_id", INT, "Null at the root"),
        _f("name", STRING),
        _f("path", Array(STRING)),
    ),
)
STORES = Entity(
    "stores",
    "Shops on the street",
    "operations",
    214,
    49_152,
    (
        _f("store_id", INT),
        _f("name", STRING),
        _f("city", STRING),
        _f("country", Plain("char(2)")),
        _f("opened_on", DATE),
        _f("location", Struct((Field("lat", DOUBLE), Field("lon", DOUBLE)))),
    ),
)
SUPPLIERS = Entity(
    "suppliers",
    "Who we buy from",
    "procurement",
    1_377,
    409_600,
    (
        _f("supplier_id", INT),
        _f("legal_name", STRING),
        _f("vat_id", STRING, None, "TAX_ID"),
        _f("iban", STRING, "Payout account", "IBAN"),
        _f("rating", Plain("float")),
    ),
)
PAYMENTS = Entity(
    "payments",
    "Card and wallet payments; tokens only, no PAN",
    "finance",
    2_398_120,
    402_653_184,
    (
        _f("payment_id", STRING),
        _f("order_id", BIGINT),
        _f("method", STRING),
        _f("card_token", STRING, "PSP token", "PAYMENT_TOKEN"),
        _f("amount", MONEY),
        _f("captured_at", TIMESTAMP),
    ),
)
SHIPMENTS = Entity(
    "shipments",
    "Parcels",
    "logistics",
    2_204_118,
    310_378_496,
    (
        _f("shipment_id", STRING),
        _f("order_id", BIGINT),
        _f("carrier", STRING),
        _f("tracking_no", STRING),
        _f("events", Array(Struct((Field("at", TIMESTAMP), Field("code", STRING), Field("place", STRING))))),
        _f("delivered_at", TIMESTAMP),
    ),
)
RETURNS = Entity(
    "returns",
    "Returned items with reasons",
    "logistics",
    198_002,
    24_117_248,
    (
        _f("return_id", STRING),
        _f("order_id", BIGINT),
        _f("sku", STRING),
        _f("reason", STRING),
        _f("refund", MONEY),
    ),
)
STOCK = Entity(
    "stock_levels",
    "Nightly stock per store",
    "operations",
    8_817_684,
    705_414_720,
    (
        _f("store_id", INT),
        _f("sku", STRING),
        _f("on_hand", INT),
        _f("reserved", INT),
        _f("snapshot_date", DATE),
    ),
)
WEB_EVENTS = Entity(
    "web_events",
    "Clickstream",
    "web",
    912_556_004,
    188_978_561_024,
    (
        _f("event_id", STRING),
        _f("session_id", STRING),
        _f("customer_id", BIGINT, "Null before login"),
        _f("ip", STRING, None, "IP_ADDRESS"),
        _f("device", _DEVICE),
        _f("payload", Map(STRING, Array(Struct((Field("k", STRING), Field("v", STRING)))))),
        _f("occurred_at", TIMESTAMP),
    ),
)
CAMPAIGNS = Entity(
    "campaigns",
    "Marketing campaigns & budgets",
    "marketing",
    388,
    81_920,
    (
        _f("campaign_id", INT),
        _f("name", STRING),
        _f("channel", STRING),
        _f("budget", MONEY),
        _f("starts_on", DATE),
        _f("ends_on", DATE),
    ),
)
EMPLOYEES = Entity(
    "employees",
    "Staff; HR only",
    "hr",
    3_912,
    1_310_720,
    (
        _f("employee_id", INT),
        _f("full_name", STRING, None, "PERSON_NAME"),
        _f("national_id", STRING, None, "NATIONAL_ID"),
        _f("salary", MONEY, "Monthly gross", "SALARY"),
        _f("store_id", INT),
        _f("hired_on", DATE),
    ),
)
LOYALTY = Entity(
    "loyalty_points",
    "Points ledger",
    "crm",
    12_004_771,
    960_381_680,
    (
        _f("customer_id", BIGINT),
        _f("points", INT),
        _f("reason", STRING),
        _f("booked_at", TIMESTAMP),
    ),
)
DAILY_SALES = Entity(
    "daily_sales",
    "Sales per store and day",
    "finance",
    156_220,
    9_437_184,
    (
        _f("sales_date", DATE),
        _f("store_id", INT),
        _f("orders", BIGINT),
        _f("revenue", MONEY),
        _f("margin", MONEY),
    ),
)

ENTITIES = (
    CUSTOMERS,
    ORDERS,
    ORDER_ITEMS,
    PRODUCTS,
    CATEGORIES,
    STORES,
    SUPPLIERS,
    PAYMENTS,
    SHIPMENTS,
    RETURNS,
    STOCK,
    WEB_EVENTS,
    CAMPAIGNS,
    EMPLOYEES,
    LOYALTY,
    DAILY_SALES,
)
