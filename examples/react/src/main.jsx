import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { ClickToCall } from "./ClickToCall.jsx";

const GATEWAY = "http://127.0.0.1:8080";

function App() {
  const [call, setCall] = useState({ state: "idle" });
  return (
    <main>
      <h1>Click to call, in React</h1>
      <p>
        The call is <strong id="state">{call.state}</strong>.
      </p>
      <ClickToCall gateway={GATEWAY} to="+15550100600" token-url="/token" onState={setCall} />
    </main>
  );
}

createRoot(document.getElementById("app")).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
