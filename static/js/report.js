// The report of a run as a page: only the colours of the classes.

import { paint } from "./colors.js";

paint();
