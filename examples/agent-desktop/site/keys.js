/** The twelve keys of a telephone. */

export function fillKeys(place, onKey) {
  for (const key of "123456789*0#") {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = key;
    button.onclick = () => onKey(key);
    place.append(button);
  }
}
