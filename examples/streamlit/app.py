"""Moods, similar items, charts and draws on one Streamlit page, each a question to Tacit's interface.

```bash
streamlit run examples/streamlit/app.py --server.port 8501
```
"""

from __future__ import annotations

from typing import Any

import streamlit as st
from tacit_api import ApiError, TacitApi

MOST = 20


def main() -> None:
    """The page: who looks and which view on the left, a list on the right."""
    st.set_page_config(page_title="Tacit", page_icon="🎧", layout="wide")
    api = TacitApi()
    views = {"Mood": mood_view, "Similar": similar_view, "Top charts": charts_view, "Discover": discover_view}
    with st.sidebar:
        st.title("Tacit")
        view = st.radio("Look for something by", list(views), key="view")
        user_id = st.text_input("Your id, if you have one", key="user").strip() or None
        limit = st.slider("How many", 1, MOST, 10, key="limit")
    try:
        views[str(view)](api, user_id, limit)
    except ApiError as error:
        st.error(str(error))


def mood_view(api: TacitApi, user_id: str | None, limit: int) -> None:
    """What suits one of the moods."""
    st.header("What are you in the mood for?")
    moods = {each["title"]: each for each in api.moods()}
    if not moods:
        st.info("No mood fits this catalogue yet.")
        return
    title = st.selectbox("Mood", list(moods), key="mood")
    mood = moods[str(title)]
    st.caption(f"{', '.join(seed['title'] for seed in mood['seeds'])} stand for it.")
    show(api, api.for_mood(mood["mood"], user_id=user_id, limit=limit), user_id)


def similar_view(api: TacitApi, user_id: str | None, limit: int) -> None:
    """What is like an item that is found by name."""
    st.header("More like what?")
    found = api.named(st.text_input("Name", key="name").strip())
    if not found:
        st.info("Nothing here begins so.")
        return
    by_id = {each["item_id"]: each["title"] for each in found}
    chosen = st.selectbox("Which one", list(by_id), format_func=by_id.__getitem__, key="item")
    show(api, api.similar(str(chosen), limit=limit), user_id)


def charts_view(api: TacitApi, user_id: str | None, limit: int) -> None:
    """What most people know, or what rises, of everything or of a category."""
    st.header("Top charts")
    is_trending = st.toggle("Rising", key="rising")
    category = st.text_input("Category, if only of one", key="category").strip() or None
    show(api, api.chart(is_trending=is_trending, category=category, limit=limit), user_id)


def discover_view(api: TacitApi, user_id: str | None, limit: int) -> None:
    """A draw that leans to what few know; another one with each press."""
    st.header("Something you would not have looked for")
    if st.button("Draw again", type="primary", key="draw") or "drawn" not in st.session_state:
        st.session_state["drawn"] = api.discover(user_id=user_id, limit=limit)
    show(api, st.session_state["drawn"], user_id)


def show(api: TacitApi, answer: dict[str, Any], user_id: str | None) -> None:
    """A list, with what has to be said of it; whoever has an id may say what they like."""
    if answer["degraded"]:
        st.warning(f"This is what can be shown at the moment: a {answer['source']} list.")
    if not answer["items"]:
        st.info("Nothing is left to show.")
    for place, item in enumerate(answer["items"], 1):
        name, button = st.columns([5, 1])
        categories = ", ".join(item["categories"][:2])
        name.markdown(
            f"**{place}.** {_plain(item['title'])}" + (f"  \n:gray[{_plain(categories)}]" if categories else "")
        )
        because = ", ".join(each["title"] for each in item["because"][:2])
        if because:
            name.caption(f"Because of {_plain(because)}")
        if user_id is not None and button.button("Like", key=f"like-{item['item_id']}"):
            api.like(user_id, item["item_id"], answer["recommendation_id"])
            st.toast(f"Noted: you like {item['title']}.")
    st.caption(f"{answer['source']} list, {answer['model_version']}")


def _plain(text: str) -> str:
    """A title as the text it is, whatever it means in Markdown."""
    return "".join(f"\\{each}" if each in "\\`*_{}[]()#+-.!|<>~$:" else each for each in text)


main()
