import { useEffect, useRef } from "react";

/** The button of your gateway. Attributes are passed on; `onState` is told of each state of the call. */
export function ClickToCall({ gateway, onState, ...attributes }) {
  const element = useRef(null);

  useEffect(() => void import(/* @vite-ignore */ `${gateway}/sdk/click-to-call.min.js`), [gateway]);

  useEffect(() => {
    const button = element.current;
    const tell = ({ detail }) => onState?.(detail);
    button.addEventListener("click-to-call:state", tell);
    return () => button.removeEventListener("click-to-call:state", tell);
  }, [onState]);

  return <click-to-call ref={element} {...attributes} />;
}
